// `holisafe bench run`: a benchmark through a responder into a run's store, then the run's files.
#include <filesystem>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/file.h"
#include "base/hash.h"
#include "benchmarks/score_json.h"
#include "cli/api_key.h"
#include "cli/commands.h"
#include "cli/free_text.h"
#include "cli/model_flags.h"
#include "cli/program.h"
#include "cli/score_table.h"
#include "cli/terminal.h"
#include "cli/torch_module.h"
#include "dataset/bench.h"
#include "runs/add_samples.h"
#include "runs/answer_run.h"
#include "runs/rule_judge.h"
#include "runs/run_part.h"
#include "runs/run_report.h"

namespace holisafe::cli {
namespace {

struct Flags {
  std::string data;
  std::string out;
  std::string benchmark = "holisafe";
  std::int64_t limit = 0;
  std::string shard;
  std::string api_key_file;
  std::string filter_as = "refused";
  double timeout = 120;
  bool json = false;
  runs::ResponderSettings responder;
};

/// The benchmark's file of the folder (or the file itself) that --data names.
std::filesystem::path data_file(const std::string& data) {
  std::error_code code;
  const std::filesystem::path path = data;
  return std::filesystem::is_directory(path, code) ? path / dataset::bench_file_name : path;
}

Result<runs::Part> part(const Flags& flags) {
  runs::Part out;
  if (!flags.shard.empty()) {
    HOLISAFE_TRY(out, runs::parse_shard(flags.shard));
  } else {
    HOLISAFE_TRY(out, runs::shard_of_environment());
    if (out.shards > 1)
      fmt::print(stderr, "holisafe: shard {}/{}, as the environment says\n", out.shard, out.shards);
  }
  out.limit = flags.limit;
  return out;
}

/// RUN, with "{rank}" replaced by the shard's number: processes with one command line need folders of their
/// own.
std::string run_folder(const Flags& flags, const runs::Part& part) {
  constexpr std::string_view mark = "{rank}";
  std::string out = flags.out;
  if (const auto at = out.find(mark); at != std::string::npos)
    out.replace(at, mark.size(), fmt::format("{}", part.shard));
  return out;
}

Result<store::Identity> identity(const Flags& flags, const runs::ResponderKind& kind,
                                 const runs::Part& part) {
  HOLISAFE_TRY(const Digest data, sha256_file(data_file(flags.data)));
  store::Identity out = {
      {"benchmark", flags.benchmark}, {"data", hex(data)}, {"responder", std::string(kind.name)}};
  HOLISAFE_TRY(const auto own, kind.identity(flags.responder));
  out.insert(out.end(), own.begin(), own.end());
  out.emplace_back("system", flags.responder.prompt.system);
  out.emplace_back("max-new-tokens", fmt::format("{}", flags.responder.prompt.max_new_tokens));
  out.emplace_back("limit", fmt::format("{}", part.limit));
  out.emplace_back("shard", fmt::format("{}/{}", part.shard, part.shards));
  return out;
}

/// Opens the run, makes sure that it is the same, and fills it.
Result<store::RunStore> open_store(const Flags& flags, const runs::ResponderKind& kind) {
  HOLISAFE_TRY(const runs::Part taken, part(flags));
  HOLISAFE_TRY(const auto made_from, identity(flags, kind, taken));
  HOLISAFE_TRY(auto store, store::RunStore::open(run_folder(flags, taken), store::Access::write));
  HOLISAFE_CHECK(store.require_same("run", made_from));
  const benchmarks::Benchmark& benchmark = *benchmarks::find(flags.benchmark);
  HOLISAFE_TRY(const auto rows, benchmark.open(flags.data));
  HOLISAFE_TRY(const std::uint64_t disagreements, runs::add_samples(store, *rows, benchmark.answers, taken));
  if (disagreements > 0) {
    warn(fmt::format("{}: {} rows contradict themselves; `holisafe data check` shows them", flags.data,
                     disagreements));
  }
  HOLISAFE_CHECK(store.put_value("images", flags.responder.images.string()));
  HOLISAFE_CHECK(store.put_value(runs::filter_as_key, flags.filter_as));
  return store;
}

/// The results of a run that was asked to its end.
Result<void> finish(store::RunStore& store, bool json) {
  HOLISAFE_CHECK(runs::judge_by_rule(store));
  HOLISAFE_CHECK(runs::write_predictions(store));
  HOLISAFE_TRY(const auto run, runs::write_summary_and_report(store, HOLISAFE_VERSION));
  if (json) {
    for (const auto& score : run.scores)
      fmt::print("{}\n", benchmarks::score_json(*run.benchmark, score.score).dump());
  } else {
    fmt::print("{}", score_table(run.scores, ShowPublished::none));
  }
  return {};
}

/// Why a sample is unanswered: the first such reason.
std::string first_reason(const store::RunStore& store) {
  auto rows = store.rows("");
  store::Row row;
  while (rows) {
    const auto found = rows->next(row);
    if (!found || !*found) break;
    if (row.answer && row.answer->state == store::AnswerState::unanswered)
      return fmt::format("id {}: {}", row.sample.id, row.answer->reason);
  }
  return {};
}

Result<std::unique_ptr<runs::Responder>> open_model(runs::ResponderSettings settings) {
  HOLISAFE_TRY(const TorchModule* module, torch_module());
  return module->open_responder(std::move(settings));
}

int run_bench(Flags& flags, Context& context) {
  auto key = api_key(flags.api_key_file);
  if (!key) return report(key.error());
  flags.responder.key = *std::move(key);
  flags.responder.client.time_limit =
      std::chrono::milliseconds(static_cast<std::int64_t>(flags.timeout * 1000));
  flags.responder.client.seed =
      static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
  flags.responder.stop = &context.stop();
  flags.responder.open_model = open_model;
  flags.responder.images =
      std::filesystem::absolute(data_file(flags.data)).lexically_normal().parent_path() / "images";
  const auto kind = runs::chosen_responder(flags.responder);
  if (!kind) return report(kind.error());
  auto store = open_store(flags, **kind);
  if (!store) return report(store.error());
  auto responder = (*kind)->open(std::move(flags.responder));
  if (!responder) return report(responder.error());

  Result<runs::RunEnd> end;
  {
    TerminalProgress progress("bench run", "samples");
    end = runs::answer_run(*store, **responder, &progress, context.stop());
  }
  if (!end) return report(end.error());
  const std::string folder = store->folder().string();
  const auto& counts = end->counts;
  if (end->stopped) {
    Error error = *end->stopped;
    error.detail += "; the run stopped, and the same command resumes it";
    return report(error);
  }
  if (end->interrupted) {
    report({ErrorKind::interrupted, "interrupted", folder,
            fmt::format("{} of {} samples done; the same command resumes", counts.questions - counts.open(),
                        counts.questions)});
    return exit_interrupted;
  }
  if (const auto finished = finish(*store, flags.json); !finished) return report(finished.error());
  if (counts.open() == 0) return exit_ok;
  return report({ErrorKind::network,
                 fmt::format("{} of {} samples unanswered", counts.open(), counts.questions), folder,
                 first_reason(*store) + "; the same command asks these again"});
}

void add_endpoint_flags(CLI::App* command, Flags& flags) {
  auto& client = flags.responder.client;
  command->add_option("--endpoint", flags.responder.endpoint,
                      "OpenAI-compatible API, such as http://127.0.0.1:8000/v1");
  command->add_option("--api-model", flags.responder.api_model, "Name of the model at the endpoint")
      ->check(utf8_text());
  add_api_key_flag(command, flags.api_key_file);
  command
      ->add_option("--concurrency", client.concurrency,
                   "Most requests at once; fewer where the endpoint says 429")
      ->check(CLI::Range(1, 4096));
  command->add_option("--max-retries", client.max_retries, "Tries after the first of each request")
      ->check(CLI::Range(0, 1000));
  command->add_option("--timeout", flags.timeout, "Seconds until a request that has no answer is given up")
      ->check(CLI::Range(0.001, 86400.0));
  command->add_option("--requests-per-minute", client.requests_per_minute,
                      "Most requests in any minute; 0: no bound");
  command
      ->add_option("--filter-as", flags.filter_as,
                   "How samples that the endpoint's content filter refused count")
      ->check(CLI::IsMember({"refused", "unjudged"}));
}

}  // namespace

void add_bench_run(CLI::App& bench) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command =
      declare(bench, "run", "Ask a model every question of a benchmark; the same command again resumes",
              {"holisafe bench run --data HoliSafe-Bench --model SafeLLaVA-7B --out runs/safe-llava",
               "holisafe bench run --data HoliSafe-Bench --endpoint http://127.0.0.1:8000/v1 --api-model "
               "NAME --out runs/name",
               "holisafe bench run --data HoliSafe-Bench --endpoint URL --api-model NAME --shard 0/4 --out "
               "runs/name-0",
               "holisafe bench report runs/name-0 runs/name-1 runs/name-2 runs/name-3"});
  command
      ->add_option("--data", flags->data,
                   "Benchmark folder (holisafe_bench.json beside images/), or its JSON file")
      ->required();
  command
      ->add_option(
          "--out", flags->out,
          "RUN: folder for run.db, predictions.json, summary.json, report.html; \"{rank}\" in it becomes "
          "the shard's number")
      ->required();
  command->add_option("--benchmark", flags->benchmark, "Which benchmark the data is")
      ->check(CLI::IsMember({"holisafe"}));
  command->add_option("--limit", flags->limit, "Only the first rows; 0: all")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 40));
  command->add_option(
      "--shard", flags->shard,
      "i/n: one of n parts, by image; otherwise RANK and WORLD_SIZE, or SLURM_PROCID and SLURM_NTASKS");
  command->add_option("--max-new-tokens", flags->responder.prompt.max_new_tokens, "Longest answer")
      ->check(CLI::Range(1, 1 << 20));
  command->add_option("--system", flags->responder.prompt.system, "System message; none if empty")
      ->type_name(free_text)
      ->check(utf8_text());
  add_model_flags(command, flags->responder.local);
  add_endpoint_flags(command, *flags);
  command->add_flag("--json", flags->json, "Print the score as one JSON object");
  on_run(command, [flags](Context& context) { return run_bench(*flags, context); });
}

}  // namespace holisafe::cli
