// What the scheduler asks of whoever computes: questions made ready on any thread, and steps over many of
// them from one.
//
// The scheduler decides who takes part in a step and what is shared; the executor alone knows tensors. A
// question goes through stages: those of its prefix (images that open its conversation: read once for all
// questions that share them), its own (the rest of its prompt), then it decodes a token a step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "chat/chat.h"
#include "taxonomy/verdict.h"

namespace holisafe::schedule {

/// What several questions share: keys and values of a prefix's positions, and the verdict on it. The
/// executor's, held by the scheduler; used on the scheduler's thread.
class Prefix {
 public:
  Prefix() = default;
  Prefix(const Prefix&) = delete;
  Prefix& operator=(const Prefix&) = delete;
  virtual ~Prefix() = default;
};

/// A question made ready, and all that the executor holds of it while it is under way. Destroyed on the
/// scheduler's thread, or on any where it never took part in a step.
class Prepared {
 public:
  Prepared() = default;
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;
  virtual ~Prepared() = default;

  /// Of what may be shared; empty: nothing.
  std::string prefix_key;
  /// Positions that each stage of the prefix adds to its keys and values, in order (0: a stage that keeps
  /// none, as encoding images). Empty without a key.
  std::vector<std::int64_t> prefix_stages;
  /// The same of the question's own stages, which come after the prefix is there.
  std::vector<std::int64_t> own_stages;
  /// Tokens that it can decode at most, at least 0; each adds a position.
  std::int64_t most_new_tokens = 0;
};

/// What one question does in a step.
struct Work {
  enum class Kind {
    prefix,  ///< stage number `stage` of the prefix, into `prefix`, with what `prepared` holds
    own,     ///< stage number `stage` of its own, after `prefix` where there is one
    decode,  ///< one token
  };
  Kind kind = Kind::decode;
  std::size_t stage = 0;
  Prepared* prepared = nullptr;
  Prefix* prefix = nullptr;  ///< null: the question shares nothing
};

/// What a verdict was made from.
struct Grounds {
  struct Size {
    int width = 0;
    int height = 0;
  };
  std::vector<Size> images;   ///< the conversation's, in order, in pixels, upright
  std::vector<float> pooled;  ///< what the guard's network took
};

/// What came of it.
struct Outcome {
  std::optional<taxonomy::Verdict> verdict;  ///< on all images, once, as soon as it is known
  std::optional<Grounds> grounds;            ///< beside the verdict, from an executor that was asked for it
  std::vector<std::pair<std::size_t, taxonomy::Verdict>>
      image_verdicts;  ///< on one image alone each, by place
  std::string text;    ///< that has become certain
  /// The question is over: its reply, or why there is none; with the last token that it can decode at the
  /// latest (where that is none, with its last stage, or when it joins without stages). An error of a
  /// prefix's stage is that of all who wait for the prefix.
  std::optional<Result<chat::Reply>> end;
};

class Executor {
 public:
  Executor() = default;
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;
  virtual ~Executor() = default;

  /// Bytes that keys and values of one position take. Never changes.
  [[nodiscard]] virtual std::uint64_t bytes_per_position() const = 0;

  /// Decodes images, fills the template, tokenises. From any thread, several at once. The question is gone
  /// afterwards.
  virtual Result<std::unique_ptr<Prepared>> prepare(const chat::Question& question) = 0;

  /// An empty prefix for a question whose prefix_key nobody holds. From the scheduler's thread, as all below.
  /// One question runs all its stages; where that one leaves before the last, another begins with a prefix of
  /// its own.
  virtual std::shared_ptr<Prefix> open_prefix(const Prepared& first) = 0;

  /// The question takes part from now on, with a prefix that has been read whole (null: it shares none): room
  /// for its own positions is there. Gives what is known already, as the verdict on the prefix.
  virtual Outcome join(Prepared& prepared, const std::shared_ptr<Prefix>& prefix) = 0;

  /// One step: `works` are of different questions; those that decode come first, then at most one stage.
  /// Outcomes in their order. What one of them gives does not depend on the others.
  virtual std::vector<Outcome> run(std::span<const Work> works) = 0;
};

}  // namespace holisafe::schedule
