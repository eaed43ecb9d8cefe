#include "engine/ask.h"

#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/executor.h"
#include "schedule/scheduler.h"
#include "verdicts/verdict_json.h"

namespace holisafe::engine {
namespace {

nlohmann::ordered_json seconds_of(const chat::Details& details, double load_seconds) {
  const chat::Timings& timings = details.timings;
  const double decoded = timings.end_seconds - timings.prefill_seconds;
  const auto tokens = static_cast<double>(details.completion_token_ids.size());
  nlohmann::ordered_json out{
      {"load_seconds", load_seconds}, {"image_seconds", timings.image_seconds},
      {"verdict_seconds", nullptr},   {"prefill_seconds", timings.prefill_seconds - timings.image_seconds},
      {"decode_seconds", decoded},    {"tokens_per_second", decoded > 0 ? tokens / decoded : 0}};
  if (timings.verdict_seconds) out["verdict_seconds"] = *timings.verdict_seconds;
  return out;
}

void add_to(nlohmann::ordered_json& verdict, const std::optional<Result<explain::Written>>& explained) {
  if (explained) explain::add_explanation(verdict, *explained);
}

}  // namespace

Result<std::optional<chat::Reply>> ask(Engine engine, chat::Question question, const AskOptions& options) {
  return ask(std::make_shared<ModelExecutor>(std::move(engine), options.decode), std::move(question),
             options);
}

Result<std::optional<chat::Reply>> ask(const std::shared_ptr<ModelExecutor>& executor,
                                       chat::Question question, const AskOptions& options) {
  schedule::Limits limits;
  limits.sequences = 1;
  limits.prepare_threads = 1;
  limits.cache_bytes =
      options.cache_bytes > 0 ? options.cache_bytes : std::numeric_limits<std::uint64_t>::max();
  schedule::Scheduler scheduler(executor, limits);
  scheduler.submit(0, std::move(question), options.events);
  while (scheduler.pending() > 0) {
    if (options.stop != nullptr && options.stop->requested()) {
      scheduler.drop_all();
      break;
    }
    for (auto& [key, reply] : scheduler.poll(chat::milliseconds(100))) {
      if (!reply) return fail(std::move(reply).error());
      return std::optional(*std::move(reply));
    }
  }
  return std::optional<chat::Reply>();
}

nlohmann::ordered_json to_json(const chat::Reply& reply, const verdicts::Flagging& flagging,
                               double load_seconds, const Explanations& explanations) {
  const chat::Details& details = *reply.details;
  nlohmann::ordered_json verdict;
  if (reply.verdict) verdicts::add_verdict(verdict, *reply.verdict, flagging);
  if (explanations.size() == 1) add_to(verdict, explanations.front());
  nlohmann::ordered_json out{{"answer", reply.text},
                             {"finish_reason", reply.finish_reason},
                             {"prompt_tokens", details.prompt_token_ids.size()},
                             {"completion_tokens", details.completion_token_ids.size()},
                             {"prompt_token_ids", details.prompt_token_ids},
                             {"completion_token_ids", details.completion_token_ids},
                             {"guard", verdict}};
  if (reply.image_verdicts.size() > 1) {
    out["guards"] = nlohmann::ordered_json::array();
    for (std::size_t image = 0; image < reply.image_verdicts.size(); ++image) {
      nlohmann::ordered_json one;
      verdicts::add_verdict(one, reply.image_verdicts[image], flagging);
      if (image < explanations.size()) add_to(one, explanations[image]);
      out["guards"].push_back(std::move(one));
    }
  }
  out["timings"] = seconds_of(details, load_seconds);
  return out;
}

}  // namespace holisafe::engine
