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

/// What canonical names beginning with `prefix` are a part of, in words: "vision tower".
struct PartWords {
  std::string prefix;
  std::string words;
};

struct NameRules {
  std::vector<PrefixRule> prefixes;
  std::vector<std::string>
      ignored_suffixes;               ///< buffers that old versions saved, such as "rotary_emb.inv_freq"
  std::vector<PartWords> parts = {};  ///< for errors: one that is missing whole is named so
};

/// The canonical name of a file's tensor: of the first rule that fits, else the name itself.
std::string canonical_name(std::string_view file_name, const NameRules& rules);

/// Views by canonical name; each view's own name is the file's. Tied or absent optional tensors have no
/// entry.
using MatchedTensors = std::map<std::string, TensorView>;

/// Errors: mismatch, one error that says first what is wrong as a whole (weights that are quantised, a prefix
/// before every name, a part that is missing), then names up to three missing, unexpected, doubled or
/// misshapen tensors with the shapes expected and found, and how many more there are. `where` names the
/// checkpoint.
Result<MatchedTensors> match(std::span<const TensorSpec> specs,
                             const std::map<std::string, TensorView>& tensors, const NameRules& rules,
                             const std::string& where);

}  // namespace holisafe::checkpoint
