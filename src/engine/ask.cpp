#include "engine/ask.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "verdicts/verdict_json.h"

namespace holisafe::engine {
namespace {

/// Seconds since it was last asked.
class Stopwatch {
 public:
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    const std::chrono::duration<double> passed = now - last_;
    last_ = now;
    return passed.count();
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace

Result<Asked> ask(const Engine& engine, const chat::Conversation& conversation, const AskOptions& options) {
  Stopwatch watch;
  Asked out;
  HOLISAFE_TRY(const auto request, engine.load(conversation, options.decode));
  out.image_seconds = watch.lap();
  HOLISAFE_TRY(auto prefill, engine.prefill(request));
  out.prefill_seconds = watch.lap();
  out.prompt_ids = prefill.prompt_ids.front();
  out.verdict = prefill.verdicts.front();
  if (options.on_prompt) options.on_prompt(out.verdict);
  HOLISAFE_TRY(auto answers, engine.generate(std::move(prefill), options.generate, options.on_text));
  out.decode_seconds = watch.lap();
  out.answer = std::move(answers.front());
  return out;
}

nlohmann::ordered_json to_json(const Asked& asked, const verdicts::Flagging& flagging, double load_seconds) {
  nlohmann::ordered_json verdict;
  if (asked.verdict) verdicts::add_verdict(verdict, *asked.verdict, flagging);
  return {{"answer", asked.answer.text},
          {"finish_reason", name(asked.answer.finish_reason)},
          {"prompt_tokens", asked.prompt_ids.size()},
          {"completion_tokens", asked.answer.completion_ids.size()},
          {"prompt_token_ids", asked.prompt_ids},
          {"completion_token_ids", asked.answer.completion_ids},
          {"guard", verdict},
          {"timings",
           {{"load_seconds", load_seconds},
            {"image_seconds", asked.image_seconds},
            {"prefill_seconds", asked.prefill_seconds},
            {"decode_seconds", asked.decode_seconds}}}};
}

}  // namespace holisafe::engine
