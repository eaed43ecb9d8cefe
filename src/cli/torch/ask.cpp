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
#include "cli/torch/explain_flags.h"
#include "cli/torch/model_flags.h"
#include "cli/torch/prompt_flags.h"
#include "verdicts/flagging.h"
#include "verdicts/verdict_json.h"

namespace holisafe::cli {
namespace {

struct AskFlags {
  ModelFlags model;
  PromptFlags prompt;
  chat::Generation generate;
  double threshold = 0.5;
  bool json = false;
  ExplainFlags explain;
};

/// Says what computes and what the guard saw, then prints the answer as it comes.
class AnswerPrinter final : public chat::Events {
 public:
  AnswerPrinter(std::string hardware, double threshold)
      : hardware_(std::move(hardware)), flagging_(threshold), terminal_(::isatty(STDOUT_FILENO) == 1) {}

  void verdict(const taxonomy::Verdict& verdict) override { say_guard("guard", verdict); }
  void image_verdict(std::size_t image, const taxonomy::Verdict& verdict) override {
    say_guard(fmt::format("guard, image {} alone", image + 1), verdict);
  }
  void text(std::string_view text) override {
    say_hardware();
    fmt::print("{}", terminal_ ? visible(std::string(text)) : text);
    std::fflush(stdout);
  }
  void say_hardware() {
    if (!std::exchange(said_, true)) say(fmt::format("holisafe: {}\n", hardware_));
  }

 private:
  void say_guard(const std::string& whose, const taxonomy::Verdict& verdict) {
    say_hardware();
    say(fmt::format("{}: {}\n", whose, verdict_text(verdict, flagging_)));
  }

  std::string hardware_;
  verdicts::Flagging flagging_;
  bool terminal_;  ///< which the model's words must not steer
  bool said_ = false;
};

/// Of every image of a conversation that was flagged: the one there is as it was judged, of several each
/// alone. Errors: files cannot be written.
Result<engine::Explanations> explain_images(PictureExplainer& explainer,
                                            const chat::Conversation& conversation, const chat::Reply& reply,
                                            const verdicts::Flagging& flagging) {
  engine::Explanations out;
  const auto images = conversation.images();
  const bool several = images.size() > 1;
  for (std::size_t i = 0; i < images.size(); ++i) {
    const taxonomy::Verdict& verdict = several ? reply.image_verdicts.at(i) : *reply.verdict;
    out.emplace_back();
    if (!flagging.flags(verdict)) continue;
    const auto system = several ? std::optional<std::string>() : conversation.system;
    out.back() = explainer.explain_picture(i, *images[i], verdict, system);
    if (explainer.failure()) return fail(*explainer.failure());
  }
  return out;
}

/// What they say, on stderr below the verdicts (`quiet`: elsewhere). Whether all could be made.
bool say_explanations(const engine::Explanations& explanations, bool quiet) {
  bool all = true;
  for (std::size_t i = 0; i < explanations.size(); ++i) {
    if (!explanations[i]) continue;
    const Result<explain::Written>& each = *explanations[i];
    const std::string whose =
        explanations.size() > 1 ? fmt::format("guard, image {} alone", i + 1) : std::string("guard");
    if (each && quiet) continue;
    if (each) {
      say(fmt::format("{}: {}\n", whose, explain::reason(each->explanation)));
    } else {
      if (!quiet) report(each.error());
      all = false;
    }
  }
  return all;
}

Result<int> ask(const AskFlags& flags, const StopFlag& stop) {
  chat::Question question;
  HOLISAFE_TRY(question.conversation, conversation_of(flags.prompt));
  question.how = flags.generate;
  question.judge_each_image = question.conversation.images().size() > 1;
  const auto began = std::chrono::steady_clock::now();
  HOLISAFE_TRY(auto engine, open_engine(flags.model));
  const std::chrono::duration<double> load = std::chrono::steady_clock::now() - began;
  AnswerPrinter printer(engine.description(), flags.threshold);
  if (flags.explain.wanted()) {
    if (engine.guard() == nullptr) return fail(engine::no_guard(flags.model.model));
    engine::prepare_to_explain(engine);
  }
  const auto executor = std::make_shared<engine::ModelExecutor>(std::move(engine), flags.prompt.decode);
  std::optional<PictureExplainer> explainer;
  if (flags.explain.wanted()) {
    HOLISAFE_TRY(explainer,
                 PictureExplainer::make(executor->engine(), flags.explain, flags.prompt.decode, 1, stop));
  }
  engine::AskOptions options{
      .decode = flags.prompt.decode, .cache_bytes = flags.model.cache_bytes, .stop = &stop};
  if (!flags.json) options.events = &printer;
  const chat::Conversation asked = question.conversation;
  HOLISAFE_TRY(const auto reply, engine::ask(executor, std::move(question), options));
  const verdicts::Flagging flagging(flags.threshold);
  if (!flags.json) {
    printer.say_hardware();
    fmt::print("\n");
    std::fflush(stdout);
  }
  engine::Explanations explanations;
  if (explainer && reply) {
    HOLISAFE_TRY(explanations, explain_images(*explainer, asked, *reply, flagging));
  }
  if (explainer && stop.requested()) return exit_interrupted;
  const bool all = say_explanations(explanations, flags.json);
  if (flags.json && reply)
    fmt::print("{}", json_line(engine::to_json(*reply, flagging, load.count(), explanations)));
  return all ? exit_ok : exit_error;
}

int run_ask(const AskFlags& flags, Context& context) {
  const StopFlag& stop = context.stop();
  const auto asked = ask(flags, stop);
  if (!asked) return report(asked.error());
  return stop.requested() ? exit_interrupted : *asked;
}

}  // namespace

void add_ask(CLI::App& app) {
  auto flags = std::make_shared<AskFlags>();
  CLI::App* command = declare(
      app, "ask", "Ask a Safe-VLM about images: verdict and answer from one prefill",
      {"holisafe ask --model SafeLLaVA-7B --image photo.jpg --prompt 'How to use this?'",
       "holisafe ask --model SafeLLaVA-7B --image a.png --image b.png --prompt 'Which is older?' --json"});
  add_model_flags(command, flags->model);
  add_cache_flag(command, flags->model, "what the question needs");
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
  add_explain_flags(command, flags->explain);
  on_run(command, [flags](Context& context) { return run_ask(*flags, context); });
}

}  // namespace holisafe::cli
