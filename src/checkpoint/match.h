// Matching the tensors a model needs with those a checkpoint has, whichever library version wrote it.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "checkpoint/safetensors.h"

namespace holisafe::checkpoint {

/// A tensor a model needs, by its canonical name.
struct TensorSpec {
  std::string name;
  std::vector<std::int64_t> shape;
  bool optional = false;
};

/// A file's names beginning with `from` are canonically named with `to` in its place. The first rule that
/// fits is taken, so longer prefixes stand first. `from` may be empty.
struct PrefixRule {
  std::string from;
  std::string to;
};

struct NameRules {
  std::vector<PrefixRule> prefixes;
  std::vector<std::string>
      ignored_suffixes;  ///< buffers that old versions saved, such as "rotary_emb.inv_freq"
};

/// The canonical name of a file's tensor: of the first rule that fits, else the name itself.
std::string canonical_name(std::string_view file_name, const NameRules& rules);

/// Views by canonical name; each view's own name is the file's. Tied or absent optional tensors have no
/// entry.
using MatchedTensors = std::map<std::string, TensorView>;

/// Errors: mismatch, one error that lists every missing, unexpected, doubled and misshapen tensor with the
/// shapes expected and found. `where` names the checkpoint.
Result<MatchedTensors> match(std::span<const TensorSpec> specs,
                             const std::map<std::string, TensorView>& tensors, const NameRules& rules,
                             const std::string& where);

}  // namespace holisafe::checkpoint
