// One question to a loaded Safe-VLM, with all that is known of its answer.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "chat/chat.h"
#include "engine/engine.h"
#include "engine/executor.h"
#include "explain/files.h"
#include "image/image.h"
#include "verdicts/flagging.h"

namespace holisafe::engine {

struct AskOptions {
  image::DecodeOptions decode;
  std::uint64_t cache_bytes = 0;   ///< for keys and values; 0: what the question needs
  chat::Events* events = nullptr;  ///< hears of the answer as it comes
  const StopFlag* stop = nullptr;  ///< gives the answer up
};

/// Verdict and answer from one prefill; nothing where it was given up. Errors: those of the scheduler and its
/// executor.
Result<std::optional<chat::Reply>> ask(Engine engine, chat::Question question, const AskOptions& options);
/// The same by an executor, whose engine is there afterwards.
Result<std::optional<chat::Reply>> ask(const std::shared_ptr<ModelExecutor>& executor,
                                       chat::Question question, const AskOptions& options);

/// What became of explaining each image of a question, by its place; nothing: it was not to be explained.
using Explanations = std::vector<std::optional<Result<explain::Written>>>;

/// answer, finish_reason, prompt_tokens, completion_tokens, prompt_token_ids, completion_token_ids, guard
/// (the verdict on all images, or null), guards (on each image alone, where there are several), timings.
/// `load_seconds` came before the question. A verdict on one image gets its explanation.
nlohmann::ordered_json to_json(const chat::Reply& reply, const verdicts::Flagging& flagging,
                               double load_seconds, const Explanations& explanations = {});

}  // namespace holisafe::engine
