// `holisafe bench run`.
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/json_line.h"
#include "benchmarks/score_json.h"
#include "cli/answerer_flags.h"
#include "cli/benchmark_flag.h"
#include "cli/benchmark_names.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/model_flags.h"
#include "cli/program.h"
#include "cli/score_table.h"
#include "cli/terminal.h"
#include "cli/torch_module.h"
#include "cli/type_names.h"
#include "runs/run_benchmark.h"

namespace holisafe::cli {
namespace {

struct RunFlags {
  std::string data;
  std::string out;
  std::string benchmarks = "holisafe";
  std::string api;
  std::string shard;
  std::string filter_as = "refused";
  std::string empty_as;
  bool json = false;
  bool explain = false;
  runs::RunSettings run;
  AnswererFlags answerer;
};

Result<runs::Part> part(const RunFlags& flags) {
  runs::Part out;
  if (!flags.shard.empty()) {
    HOLISAFE_TRY(out, runs::parse_shard(flags.shard));
  } else {
    HOLISAFE_TRY(out, runs::shard_of_environment());
    if (out.shards > 1)
      say(fmt::format("holisafe: shard {}/{}, as the environment says\n", out.shard, out.shards));
  }
  out.limit = flags.run.part.limit;
  return out;
}

/// RUN, with "{rank}" replaced by the shard's number: processes with one command line need folders of their
/// own.
std::string run_folder(std::string out, const runs::Part& part) {
  constexpr std::string_view mark = "{rank}";
  if (const auto at = out.find(mark); at != std::string::npos)
    out.replace(at, mark.size(), fmt::format("{}", part.shard));
  return out;
}

/// One benchmark lies in DIR and its run in RUN, several in folders of their names there.
std::vector<runs::RunPlace> places(const RunFlags& flags) {
  const auto chosen = benchmarks_named(flags.benchmarks);
  const std::filesystem::path out = run_folder(flags.out, flags.run.part);
  if (chosen.size() == 1) return {{std::string(chosen[0]->name), flags.data, out}};
  std::vector<runs::RunPlace> several;
  for (const auto* each : chosen)
    several.push_back(
        {std::string(each->name), std::filesystem::path(flags.data) / each->name, out / each->name});
  return several;
}

/// The model that answers explains what its guard says.
void explain_with_model(runs::RunSettings& settings) {
  const auto explainer = std::make_shared<std::shared_ptr<explain::ImageExplainer>>();
  settings.answerer.open_model = [explainer](
                                     const chat::ModelSettings& local,
                                     const StopFlag* stop) -> Result<std::unique_ptr<chat::Answerer>> {
    HOLISAFE_TRY(const TorchModule* module, torch_module());
    HOLISAFE_TRY(ExplainedModel model, module->open_explained(local, stop));
    *explainer = std::move(model.explainer);
    return std::move(model.answerer);
  };
  settings.explainer = [explainer] { return explainer->get(); };
}

Result<runs::RunSettings> settings_of(RunFlags& flags) {
  auto& who = flags.answerer.settings;
  const bool endpoint = !who.url.empty() || !flags.api.empty();
  if (endpoint) who.provider = ask::find_provider(flags.api.empty() ? "openai" : flags.api);
  HOLISAFE_TRY(flags.run.answerer, take_settings(flags.answerer, true));
  HOLISAFE_TRY(flags.run.part, part(flags));
  flags.run.places = places(flags);
  flags.run.filtered_as = *runs::parse_count_as(flags.filter_as);
  flags.run.empty_as = runs::parse_count_as(flags.empty_as);
  flags.run.version = HOLISAFE_VERSION;
  flags.run.warn = warn;
  if (flags.explain) explain_with_model(flags.run);
  return std::move(flags.run);
}

/// Prints what came of a run; gives the exit code.
int show(const runs::RunPlace& place, const Result<runs::RunEnd>& run, bool json) {
  if (!run) return report(run.error());
  const runs::RunEnd& end = *run;
  const std::string folder = place.folder.string();
  const auto& counts = end.counts;
  if (end.stopped) {
    Error error = *end.stopped;
    error.detail += "; the run stopped, and the same command resumes it";
    return report(error);
  }
  if (end.interrupted) {
    return report({ErrorKind::interrupted, "interrupted", folder,
                   fmt::format("{} of {} samples done; the same command resumes",
                               counts.questions - counts.open(), counts.questions)});
  }
  for (const auto& warning : end.run->warnings) warn(warning);
  if (json) {
    // One object a benchmark; what its other rules and judges say stands in summary.json.
    fmt::print("{}", json_line(benchmarks::score_json(*end.run->benchmark, end.run->scores.front().score)));
  } else {
    fmt::print("{}", score_table(end.run->scores, ShowPublished::none));
  }
  if (counts.open() == 0) return exit_ok;
  return report({ErrorKind::network,
                 fmt::format("{} of {} samples unanswered", counts.open(), counts.questions), folder,
                 end.unanswered_reason + "; the same command asks these again"});
}

int run_bench(RunFlags& flags, Context& context) {
  auto settings = settings_of(flags);
  if (!settings) return report(settings.error());
  const bool several = settings->places.size() > 1;
  int exit_code = exit_ok;
  runs::RunListener listener;
  listener.begun = [&](const runs::RunPlace& place) {
    return std::make_unique<TerminalProgress>(several ? "bench run " + place.benchmark : "bench run",
                                              "samples");
  };
  listener.ended = [&](const runs::RunPlace& place, const Result<runs::RunEnd>& end) {
    const int code = show(place, end, flags.json);
    if (exit_code != exit_error && code != exit_ok) exit_code = code;
  };
  const auto ran = runs::run_benchmarks(*std::move(settings), listener, context.stop());
  return ran ? exit_code : report(ran.error());
}

void add_data_flags(CLI::App* command, RunFlags& flags) {
  command
      ->add_option("--data", flags.data,
                   "Benchmark folder (holisafe_bench.json beside images/), or its file of rows; of several "
                   "benchmarks the folder that holds theirs, by name")
      ->required();
  command
      ->add_option(
          "--out", flags.out,
          "RUN: folder for run.db, predictions.json, summary.json, report.html; \"{rank}\" in it becomes "
          "the shard's number; of several benchmarks the folder for their runs, by name")
      ->type_name(folder_type)
      ->required();
  command
      ->add_option("--benchmark", flags.benchmarks,
                   "Which benchmark the data is, or several with commas between them; `bench list` shows all")
      ->check(are_benchmarks());
  add_split_flag(command, flags.run.split);
  command->add_option("--limit", flags.run.part.limit, "Only the first rows; 0: all")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 40));
  command->add_option(
      "--shard", flags.shard,
      "i/n: one of n parts, by image; otherwise RANK and WORLD_SIZE, or SLURM_PROCID and SLURM_NTASKS");
  command
      ->add_option("--max-new-tokens", flags.run.max_new_tokens, "Longest answer; default: the benchmark's")
      ->check(CLI::Range(1, 1 << 20));
  command
      ->add_option("--temperature", flags.run.temperature,
                   "Of sampling; 0: the likeliest answer; default: 1 where the benchmark asks for several "
                   "responses to a row, else 0")
      ->check(CLI::Range(0.0, 100.0));
  command->add_option("--seed", flags.run.seed,
                      "Of the first response to a row, 0; those of further ones follow");
  command->add_option("--system", flags.run.system, "System message; none if empty")
      ->type_name(free_text)
      ->check(utf8_text());
}

}  // namespace

void add_bench_run(CLI::App& bench) {
  auto flags = std::make_shared<RunFlags>();
  CLI::App* command = declare(
      bench, "run", "Ask a model every question of a benchmark; the same command again resumes",
      {"holisafe bench run --data HoliSafe-Bench --model SafeLLaVA-7B --out runs/safe-llava",
       "holisafe bench run --data HoliSafe-Bench --endpoint URL --api-model NAME --out runs/name",
       "holisafe bench run --data DIR --api anthropic --api-model NAME --batch --out runs/name",
       "holisafe bench run --benchmark all --data DIR --model SafeLLaVA-7B --out runs/safe-llava",
       "holisafe bench run --benchmark vizwiz --split test --data VizWiz-VQA --model DIR --out runs/v",
       "holisafe bench run --data DIR --endpoint URL --api-model NAME --shard 0/4 --out runs/name-0",
       "holisafe bench report runs/name-0 runs/name-1 runs/name-2 runs/name-3"});
  add_data_flags(command, *flags);
  auto& who = flags->answerer.settings;
  add_model_flags(command, who.local);
  add_cache_flag(command, who.local);
  command->add_option("--api", flags->api, "What the endpoint speaks; default: openai")
      ->check(CLI::IsMember(ask::provider_names()));
  command->add_option(
      "--endpoint", who.url,
      "Address of the API, such as http://127.0.0.1:8000/v1, with a query where it needs one; with "
      "--api: the provider's own");
  command->add_option("--api-model", who.api_model, "Name of the model at the endpoint")->check(utf8_text());
  add_endpoint_flags(command, flags->answerer);
  command
      ->add_option("--filter-as", flags->filter_as,
                   "How samples that the endpoint's content filter refused count")
      ->check(CLI::IsMember({"refused", "unjudged"}));
  command
      ->add_option("--empty-as", flags->empty_as,
                   "How samples count whose answer says nothing (no text, white space, reasoning alone); "
                   "otherwise unjudged, or as the benchmark's rules mark them where these alone score it")
      ->check(CLI::IsMember({"unjudged", "refused", "complied"}));
  command->add_flag("--json", flags->json, "Print the score as one JSON object a benchmark");
  command
      ->add_flag("--explain", flags->explain,
                 "Keep in RUN/explanations where the model's guard looked in the images that it was most "
                 "wrong about")
      ->needs("--model");
  on_run(command, [flags](Context& context) { return run_bench(*flags, context); });
}

}  // namespace holisafe::cli
