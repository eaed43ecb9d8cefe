// `holisafe model synth`: a random checkpoint in a family's own layout.
#include <memory>
#include <string>

#include "cli/program.h"
#include "cli/torch/commands.h"
#include "cli/type_names.h"
#include "engine/merge.h"

namespace holisafe::cli {
namespace {

struct SynthFlags {
  std::string family;
  models::SynthRequest request;
  std::string out, corpus;
};

Result<void> synth(SynthFlags& flags) {
  flags.request.out = flags.out;
  flags.request.corpus = flags.corpus;
  return engine::synth(flags.family, flags.request);
}

}  // namespace

void add_model_synth(CLI::App& model) {
  auto flags = std::make_shared<SynthFlags>();
  CLI::App* command =
      declare(model, "synth", "Write a random checkpoint, for tests and benchmarks",
              {"holisafe model synth --family llava --preset tiny --seed 1 --guard --out tiny"});
  command->add_option("--family", flags->family, "Model family")->required();
  command->add_option("--preset", flags->request.preset, "Sizes (" + engine::presets() + ")")->required();
  command->add_option("--seed", flags->request.seed, "Seed of the weights");
  command->add_flag("--guard", flags->request.guard, "With a random guard inside");
  command->add_option("--corpus", flags->corpus,
                      "Text, a sentence a line, whose words become tokens (preset pictogram)");
  command->add_option("--out", flags->out, "Folder to write")->type_name(folder_type)->required();
  on_run(command, [flags] {
    const auto done = synth(*flags);
    return done ? exit_ok : report(done.error());
  });
}

}  // namespace holisafe::cli
