// `holisafe ask`: verdict and answer from one prefill.
#include <chrono>
#include <cstdio>
#include <memory>

#include <fmt/format.h>

#include "cli/program.h"
#include "cli/terminal.h"
#include "cli/torch/commands.h"
#include "cli/torch/model_flags.h"
#include "cli/torch/prompt_flags.h"
#include "cli/torch/verdict_json.h"

namespace holisafe::cli {
namespace {

struct Flags {
  ModelFlags model;
  PromptFlags prompt;
  engine::GenerateOptions generate;
  double threshold = 0.5;
  bool json = false;
};

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

struct Outcome {
  std::vector<std::int64_t> prompt_ids;
  std::optional<taxonomy::Verdict> verdict;
  engine::Answer answer;
  nlohmann::ordered_json timings;
};

Result<Outcome> ask(const Flags& flags) {
  Stopwatch watch;
  Outcome out;
  HOLISAFE_TRY(const auto engine, open_engine(flags.model));
  out.timings["load_seconds"] = watch.lap();
  HOLISAFE_TRY(const auto request, load_request(engine, flags.prompt));
  out.timings["image_seconds"] = watch.lap();
  HOLISAFE_TRY(auto prefill, engine.prefill(request));
  out.timings["prefill_seconds"] = watch.lap();
  out.prompt_ids = prefill.prompt_ids.front();
  out.verdict = prefill.verdicts.front();
  if (!flags.json) say_hardware(engine);
  if (!flags.json && out.verdict)
    fmt::print(stderr, "guard: {}\n", verdict_text(*out.verdict, flags.threshold));
  engine::OnText on_text;
  if (!flags.json) {
    on_text = [](std::size_t, const std::string& text) {
      fmt::print("{}", text);
      std::fflush(stdout);
    };
  }
  HOLISAFE_TRY(auto answers, engine.generate(std::move(prefill), flags.generate, on_text));
  out.timings["decode_seconds"] = watch.lap();
  out.answer = std::move(answers.front());
  return out;
}

nlohmann::ordered_json to_json(const Outcome& outcome, double threshold) {
  nlohmann::ordered_json out{{"answer", outcome.answer.text},
                             {"finish_reason", engine::name(outcome.answer.finish_reason)},
                             {"prompt_tokens", outcome.prompt_ids.size()},
                             {"completion_tokens", outcome.answer.completion_ids.size()},
                             {"prompt_token_ids", outcome.prompt_ids},
                             {"completion_token_ids", outcome.answer.completion_ids},
                             {"guard", nullptr},
                             {"timings", outcome.timings}};
  if (outcome.verdict)
    add_verdict(out["guard"] = nlohmann::ordered_json::object(), *outcome.verdict, threshold);
  return out;
}

int run_ask(Flags& flags, Context& context) {
  const StopFlag& stop = context.stop();
  flags.generate.stop = &stop;
  const auto outcome = ask(flags);
  if (!outcome) return report(outcome.error());
  if (stop.requested()) {
    if (!flags.json) fmt::print("\n");
    return exit_interrupted;
  }
  fmt::print("{}", flags.json ? json_line(to_json(*outcome, flags.threshold)) : "\n");
  return exit_ok;
}

}  // namespace

void add_ask(CLI::App& app) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command = declare(
      app, "ask", "Ask a Safe-VLM about images: verdict and answer from one prefill",
      {"holisafe ask --model SafeLLaVA-7B --image photo.jpg --prompt 'How to use this?'",
       "holisafe ask --model SafeLLaVA-7B --image a.png --image b.png --prompt 'Which is older?' --json"});
  add_model_flags(command, flags->model);
  add_prompt_flags(command, flags->prompt);
  auto& generate = flags->generate;
  command->add_option("--max-new-tokens", generate.max_new_tokens, "Longest answer")
      ->check(CLI::Range(1, 1 << 20));
  command->add_option("--temperature", generate.temperature, "0: greedy; above: sample")
      ->check(CLI::Range(0.0, 1000.0));
  command
      ->add_option("--top-p", generate.top_p, "Sample among the most probable tokens with this probability")
      ->check(CLI::Range(0.0, 1.0));
  command
      ->add_option("--repetition-penalty", generate.repetition_penalty,
                   "Above 1: tokens seen become less probable")
      ->check(CLI::Range(0.01, 100.0));
  command->add_option("--seed", generate.seed, "Seed of sampling");
  command->add_option("--threshold", flags->threshold, "Flagged from this probability of not being safe on")
      ->check(CLI::Range(0.0, 1.0));
  command->add_flag("--json", flags->json, "One JSON object");
  on_run(command, [flags](Context& context) { return run_ask(*flags, context); });
}

}  // namespace holisafe::cli
