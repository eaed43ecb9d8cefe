// `holisafe model trace`: every stage of one prefill, for checking parity.
#include <memory>
#include <utility>

#include "cli/program.h"
#include "cli/torch/commands.h"
#include "cli/torch/model_flags.h"
#include "cli/torch/prompt_flags.h"
#include "engine/trace_file.h"

namespace holisafe::cli {
namespace {

struct TraceFlags {
  ModelFlags model;
  PromptFlags prompt;
  std::string out;
};

Result<void> trace(const TraceFlags& flags) {
  HOLISAFE_TRY(const auto engine, open_engine(flags.model));
  HOLISAFE_TRY(auto conversation, conversation_of(flags.prompt));
  HOLISAFE_TRY(const auto request, engine.load(std::move(conversation), flags.prompt.decode));
  HOLISAFE_TRY(const auto trace, engine.trace(request));
  return engine::write(trace, flags.out);
}

}  // namespace

void add_model_trace(CLI::App& model) {
  auto flags = std::make_shared<TraceFlags>();
  CLI::App* command = declare(model, "trace", "Write every stage of one prefill, from token ids to logits",
                              {"holisafe model trace --model llava-1.5-7b-hf --image photo.jpg --prompt "
                               "Hello --out trace.safetensors"});
  add_model_flags(command, flags->model);
  add_prompt_flags(command, flags->prompt);
  command->add_option("--out", flags->out, "safetensors file to write")->required();
  on_run(command, [flags] {
    const auto done = trace(*flags);
    return done ? exit_ok : report(done.error());
  });
}

}  // namespace holisafe::cli
