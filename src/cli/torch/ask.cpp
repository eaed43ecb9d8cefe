// `holisafe ask`: verdict and answer from one prefill.
#include "engine/ask.h"

#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "base/json_line.h"
#include "base/text.h"
#include "cli/program.h"
#include "cli/terminal.h"
#include "cli/torch/commands.h"
#include "cli/torch/model_flags.h"
#include "cli/torch/prompt_flags.h"
#include "verdicts/verdict_json.h"

namespace holisafe::cli {
namespace {

struct AskFlags {
  ModelFlags model;
  PromptFlags prompt;
  engine::GenerateOptions generate;
  double threshold = 0.5;
  bool json = false;
};

/// Says what computes and what the guard saw, then prints the answer as it comes.
void print_as_it_comes(const engine::Engine& engine, double threshold, engine::AskOptions& options) {
  options.on_prompt = [&engine, threshold](const std::optional<taxonomy::Verdict>& verdict) {
    say_hardware(engine);
    if (verdict) say(fmt::format("guard: {}\n", verdict_text(*verdict, verdicts::Flagging(threshold))));
  };
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;  // which the model's words must not steer
  options.on_text = [terminal](std::size_t, const std::string& text) {
    fmt::print("{}", terminal ? visible(text) : text);
    std::fflush(stdout);
  };
}

Result<void> ask(const AskFlags& flags) {
  HOLISAFE_TRY(const auto conversation, conversation_of(flags.prompt));
  const auto began = std::chrono::steady_clock::now();
  HOLISAFE_TRY(const auto engine, open_engine(flags.model));
  const std::chrono::duration<double> load = std::chrono::steady_clock::now() - began;
  engine::AskOptions options{.generate = flags.generate, .decode = flags.prompt.decode};
  if (!flags.json) print_as_it_comes(engine, flags.threshold, options);
  HOLISAFE_TRY(const auto asked, engine::ask(engine, conversation, options));
  if (!flags.json) {
    fmt::print("\n");
    return {};
  }
  const verdicts::Flagging flagging(flags.threshold);
  const bool interrupted = asked.answer.finish_reason == engine::FinishReason::interrupted;
  if (!interrupted) fmt::print("{}", json_line(engine::to_json(asked, flagging, load.count())));
  return {};
}

int run_ask(AskFlags& flags, Context& context) {
  const StopFlag& stop = context.stop();
  flags.generate.interrupted = [&stop] { return stop.requested(); };
  if (const auto asked = ask(flags); !asked) return report(asked.error());
  return stop.requested() ? exit_interrupted : exit_ok;
}

}  // namespace

void add_ask(CLI::App& app) {
  auto flags = std::make_shared<AskFlags>();
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
