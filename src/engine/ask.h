// One question to a loaded Safe-VLM, with all that is known of its answer.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <vector>

#include "base/result.h"
#include "chat/chat.h"
#include "engine/engine.h"
#include "verdicts/flagging.h"

namespace holisafe::engine {

struct AskOptions {
  GenerateOptions generate;
  image::DecodeOptions decode;
  /// Hears the guard's verdict, where there is one, once the prompt is read and before the first token.
  std::function<void(const std::optional<taxonomy::Verdict>&)> on_prompt = {};
  OnText on_text = {};
};

struct Asked {
  std::vector<std::int64_t> prompt_ids;  ///< image placeholders expanded
  std::optional<taxonomy::Verdict> verdict;
  Answer answer;
  double image_seconds = 0, prefill_seconds = 0, decode_seconds = 0;
};

/// Verdict and answer from one prefill. Errors: those of Engine::load, prefill and generate.
Result<Asked> ask(const Engine& engine, const chat::Conversation& conversation, const AskOptions& options);

/// answer, finish_reason, prompt_tokens, completion_tokens, prompt_token_ids, completion_token_ids, guard
/// (the verdict, or null), timings.
nlohmann::ordered_json to_json(const Asked& asked, const verdicts::Flagging& flagging, double load_seconds);

}  // namespace holisafe::engine
