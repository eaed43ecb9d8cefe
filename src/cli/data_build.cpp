// `holisafe data build`.
#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/json_line.h"
#include "base/text.h"
#include "cli/answerer_flags.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/program.h"
#include "cli/terminal.h"
#include "cli/torch_module.h"
#include "cli/type_names.h"
#include "construction/build.h"

namespace holisafe::cli {
namespace {

struct BuildFlags {
  std::vector<std::string> writers;
  std::string checker;
  std::vector<std::string> labellers;
  std::string types = "SSS,SSU,USU,SUU,UUU";
  std::string near_duplicates = "drop";
  std::string out;
  bool no_check = false;
  bool no_answers = false;
  bool dry_run = false;
  bool json = false;
  std::uint64_t fail_cell = 0;
  construction::BuildSettings build;
  AnswererFlags answerer;
};

Result<std::unique_ptr<chat::Answerer>> open_labelling_guard(const chat::ModelSettings& settings,
                                                             const StopFlag* stop) {
  HOLISAFE_TRY(const TorchModule* module, torch_module());
  HOLISAFE_TRY(auto scheduler, module->open_guard(settings, stop));
  return std::unique_ptr<chat::Answerer>(std::move(scheduler));
}

Result<std::vector<taxonomy::Combination>> types_of(const std::string& text) {
  std::vector<taxonomy::Combination> out;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const auto word = std::string_view(text).substr(begin, end - begin);
    const auto type = taxonomy::parse_combination(word);
    if (!type || std::find(out.begin(), out.end(), *type) != out.end()) {
      return fail(ErrorKind::usage, "bad combinations", "--types",
                  fmt::format("expected some of SSS,SSU,USU,SUU,UUU, each once, found \"{}\"", text));
    }
    out.push_back(*type);
    begin = end + 1;
  }
  std::sort(out.begin(), out.end());
  return out;
}

/// The key of a provider: its own variable's, where there is one, else what all share.
Result<http::Secret> key_of(const ask::Provider& provider, const http::Secret& shared) {
  std::string variable = "HOLISAFE_API_KEY_";
  for (const char c : provider.name) variable += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  HOLISAFE_TRY(auto own, http::Secret::from_environment(variable.c_str()));
  if (!own.empty() || shared.empty()) return own;
  return http::Secret::from_text(shared.reveal(), "key");
}

Result<construction::AskSettings> ask_settings(BuildFlags& flags) {
  HOLISAFE_TRY(runs::AnswererSettings who, take_settings(flags.answerer, !flags.dry_run));
  construction::AskSettings out;
  out.client = std::move(who.client);
  if (!who.request_json.empty()) {
    HOLISAFE_TRY(out.request, ask::read_request_json(who.request_json));
  }
  out.key_header = std::move(who.key_header);
  out.parameters = who.parameters;
  out.batch = who.batch;
  out.batches = who.batches;
  out.open_guard = open_labelling_guard;
  out.key = [shared = std::make_shared<http::Secret>(std::move(who.key))](const ask::Provider& provider) {
    return key_of(provider, *shared);
  };
  return out;
}

Result<void> read_askers(const BuildFlags& flags, construction::BuildSettings& build) {
  for (const std::string& each : flags.writers) {
    HOLISAFE_TRY(build.writers.emplace_back(), construction::parse_asker(each, "--writer", false));
  }
  for (const std::string& each : flags.labellers) {
    HOLISAFE_TRY(build.labellers.emplace_back(), construction::parse_asker(each, "--labeller", true));
  }
  if (!flags.checker.empty()) {
    HOLISAFE_TRY(build.checker, construction::parse_asker(flags.checker, "--checker", false));
  }
  return {};
}

Result<construction::BuildSettings> settings_of(BuildFlags& flags) {
  construction::BuildSettings& out = flags.build;
  HOLISAFE_CHECK(read_askers(flags, out));
  HOLISAFE_TRY(out.plan.types, types_of(flags.types));
  HOLISAFE_TRY(out.ask, ask_settings(flags));
  out.folder = flags.out;
  out.import.drop_near_duplicates = flags.near_duplicates == "drop";
  out.import.warn = warn;
  out.checks = !flags.no_check;
  out.answers = !flags.no_answers;
  out.version = HOLISAFE_VERSION;
  out.warn = warn;
  return std::move(out);
}

int show_cost(const construction::BuildCost& cost, bool json) {
  if (json) {
    fmt::print("{}", json_line(construction::to_json(cost)));
    return exit_ok;
  }
  fmt::print(
      "{} images, {} pairs: {} calls to label, {} to write, {} to check, {} to answer; about {} input "
      "tokens, at most {} output tokens\n",
      cost.images, cost.pairs, cost.label, cost.write, cost.check, cost.answer, cost.input_tokens,
      cost.output_tokens);
  return exit_ok;
}

/// A line a combination: how many pairs are in which state.
void print_table(const ask::Json& summary) {
  for (const auto& [type, counts] : summary["types"].items()) {
    std::string line = fmt::format("{}:", type);
    for (const auto& [state, pairs] : counts.items()) {
      if (pairs != 0 || state == "planned" || state == "ready")
        line += fmt::format(" {} {}", state, pairs.dump());
    }
    fmt::print("{}\n", line);
  }
}

/// Too few ready pairs in a cell: told by name, and the exit code.
int check_cells(const construction::BuildEnd& end, std::uint64_t fewest) {
  const auto cells = construction::short_cells(end.cells, fewest);
  for (const auto& cell : cells) {
    say(fmt::format("holisafe: {} {}: {} ready pairs, expected at least {}\n",
                    taxonomy::classes()[cell.subcategory].name, taxonomy::name(cell.type), cell.ready,
                    fewest));
  }
  return cells.empty() ? exit_ok : exit_found;
}

int show_end(const construction::BuildEnd& end, const BuildFlags& flags) {
  const std::string& folder = flags.out;
  if (end.stopped) {
    Error error = *end.stopped;
    error.detail += fmt::format("{}the build stopped, and the same command goes on from there",
                                error.detail.empty() ? "" : "; ");
    return report(error);
  }
  if (end.interrupted) {
    return report({ErrorKind::interrupted, "interrupted", folder,
                   fmt::format("{} of {} pairs done; the same command goes on from there",
                               end.pairs - end.planned - end.failed, end.pairs)});
  }
  if (flags.json) fmt::print("{}", json_line(end.summary));
  if (!flags.json) print_table(end.summary);
  if (end.unlabelled > 0) {
    return report({ErrorKind::missing, "labels are missing", folder,
                   fmt::format("{} labels came to nothing, and no pairs are planned before; {}; the same "
                               "command asks for those again",
                               end.unlabelled, end.failure)});
  }
  if (end.failed > 0) {
    return report({ErrorKind::missing, fmt::format("{} of {} pairs failed", end.failed, end.pairs), folder,
                   fmt::format("{}{}the same command asks for those again", end.failure,
                               end.failure.empty() ? "" : "; ")});
  }
  return check_cells(end, flags.fail_cell);
}

int run_build(BuildFlags& flags, Context& context) {
  const auto settings = settings_of(flags);
  if (!settings) return report(settings.error());
  if (flags.dry_run) {
    Result<construction::BuildCost> cost;
    {
      TerminalProgress progress("data build", "images");
      cost = construction::build_cost(*settings, &progress, context.stop());
    }
    return cost ? show_cost(*cost, flags.json) : report(cost.error());
  }
  const construction::StepProgress progress = [](const std::string& step) {
    return std::make_unique<TerminalProgress>("data build: " + step, step == "pairs" ? "pairs" : "images");
  };
  const auto end = construction::build(*settings, progress, context.stop());
  return end ? show_end(*end, flags) : report(end.error());
}

void add_asker_flags(CLI::App* command, BuildFlags& flags) {
  command
      ->add_option("--writer", flags.writers,
                   "PROVIDER:MODEL[@URL] that writes and answers, such as openai:gpt-4o or "
                   "openai:qwen@http://127.0.0.1:8000/v1; several in order of preference: what one declines "
                   "falls to the next")
      ->type_name("SPEC");
  auto* checker =
      command->add_option("--checker", flags.checker, "Model that checks what was written, not told the plan")
          ->type_name("SPEC");
  command
      ->add_option("--labeller", flags.labellers,
                   "Model that labels images without a label; several: the majority. guard:DIR is a "
                   "checkpoint of ours with a guard")
      ->type_name("SPEC");
  command->add_flag("--no-check", flags.no_check, "Take what was written as it is")->excludes(checker);
  command->add_flag("--no-answers", flags.no_answers, "Instructions alone, no responses");
}

void add_plan_flags(CLI::App* command, BuildFlags& flags) {
  command->add_option("--types", flags.types, "Combinations to make")->type_name("LIST");
  command
      ->add_option("--pairs-per-type", flags.build.plan.pairs_per_type,
                   "Pairs of each combination that an image gets")
      ->check(CLI::Range(1, 1000));
  command
      ->add_option("--near-duplicates", flags.near_duplicates,
                   "What happens to near-duplicates: the largest picture stays, or all stay, in one cluster")
      ->check(CLI::IsMember({"drop", "keep"}));
  command
      ->add_option("--rewrites", flags.build.rewrites,
                   "So often is an instruction written anew that does not pass, and an answer given anew")
      ->check(CLI::Range(0, 50));
  command->add_option("--seed", flags.build.plan.seed, "The same seed plans the same pairs");
  command->add_option("--license", flags.build.import.license, "License of images that bring none")
      ->type_name(free_text)
      ->check(utf8_text());
  command
      ->add_option("--language", flags.build.language,
                   "Filter out pairs that are certainly not in this language (en, de, fr, …)")
      ->check(utf8_text());
  command->add_option("--fail-cell", flags.fail_cell,
                      "Exit with 1 if a planned subcategory and combination has fewer ready pairs");
}

}  // namespace

void add_data_build(CLI::App& data) {
  auto flags = std::make_shared<BuildFlags>();
  CLI::App* command = declare(
      data, "build", "Make safety data from images; the same command again goes on from there",
      {"holisafe data build images --out work --writer openai:gpt-4o --checker anthropic:NAME --dry-run",
       "holisafe data build images --out work --writer openai:gpt-4o --checker anthropic:NAME",
       "holisafe data build images --out work --labeller guard:SafeLLaVA-7B --writer "
       "openai:qwen@http://127.0.0.1:8000/v1 --no-check",
       "holisafe data build HoliSafe-Bench --out audit --checker openai:gpt-4o"});
  command
      ->add_option("SOURCE", flags->build.import.sources,
                   "Folder of images by class, folder with metadata.jsonl or metadata.csv, such a table, or "
                   "a folder with holisafe_bench.json or train.json")
      ->required();
  command->add_option("--out", flags->out, "WORK: folder of the build")->type_name(folder_type)->required();
  add_asker_flags(command, *flags);
  add_plan_flags(command, *flags);
  add_endpoint_flags(command, flags->answerer);
  command->add_flag("--dry-run", flags->dry_run, "Only say how many calls and tokens it would take");
  command->add_flag("--json", flags->json, "Print the summary (or the estimate) as one JSON object");
  on_run(command, [flags](Context& context) { return run_build(*flags, context); });
}

}  // namespace holisafe::cli
