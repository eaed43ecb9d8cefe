// `holisafe bench judge`: verdicts on a run's answers, by the string rules or an LLM, then the run's summary
// and report.
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/file.h"
#include "benchmarks/score_json.h"
#include "cli/api_key.h"
#include "cli/commands.h"
#include "cli/program.h"
#include "cli/score_table.h"
#include "cli/terminal.h"
#include "cli/torch_module.h"
#include "judge/judge.h"
#include "runs/judge_run.h"
#include "runs/rule_judge.h"
#include "runs/run_report.h"

namespace holisafe::cli {
namespace {

struct Flags {
  std::string run;
  std::string judge;
  std::string model;
  std::string endpoint;
  std::string directory;
  std::string prompt_file;
  std::string api_key_file;
  double timeout = 120;
  bool batch = false;
  bool dry_run = false;
  bool json = false;
  http::ClientOptions client;
  judge::BatchOptions batches;
};

Result<judge::PromptTemplate> prompt(const Flags& flags) {
  if (flags.prompt_file.empty()) return judge::PromptTemplate::standard();
  constexpr std::uint64_t most_bytes = std::uint64_t{1} << 20;
  HOLISAFE_TRY(std::string text, read_file(flags.prompt_file, most_bytes));
  return judge::PromptTemplate::parse(std::move(text), flags.prompt_file);
}

/// The name that verdicts are kept under.
std::string judge_name(const Flags& flags, const judge::JudgeEntry& entry) {
  if (entry.kind == judge::JudgeKind::endpoint) {
    return fmt::format("{}:{}", entry.name,
                       flags.model.empty() ? entry.provider->default_model : flags.model);
  }
  if (entry.kind == judge::JudgeKind::string_rules) return std::string(entry.name);
  const auto folder = std::filesystem::absolute(flags.directory).lexically_normal();
  const auto last = folder.has_filename() ? folder.filename() : folder.parent_path().filename();
  return fmt::format("{}:{}", entry.name, last.string());
}

/// Flags that make no sense for the chosen judge.
Result<void> check_flags(const Flags& flags, const judge::JudgeEntry& entry) {
  const auto refuse = [&](const char* flag, const char* judges) {
    return fail(ErrorKind::usage, "flag does not go with the judge", flag,
                fmt::format("expected --judge {}, found {}", judges, flags.judge));
  };
  const bool endpoint = entry.kind == judge::JudgeKind::endpoint;
  const bool local = entry.kind == judge::JudgeKind::local_model;
  if (!endpoint && flags.batch) return refuse("--batch", "openai, anthropic or gemini");
  if (!endpoint && !flags.model.empty()) return refuse("--judge-model", "openai, anthropic or gemini");
  if (!endpoint && !flags.endpoint.empty()) return refuse("--judge-endpoint", "openai, anthropic or gemini");
  if (!local && !flags.directory.empty()) return refuse("--judge-dir", "local");
  if (!endpoint && !local && !flags.prompt_file.empty())
    return refuse("--judge-prompt", "openai, anthropic, gemini or local");
  if (local && flags.directory.empty()) {
    return fail(ErrorKind::usage, "judge without a model", "--judge local",
                "expected --judge-dir DIR, found none");
  }
  return {};
}

int dry_run(const Flags& flags, const judge::JudgeEntry& entry, const judge::PromptTemplate& text) {
  auto store = store::RunStore::open(flags.run, store::Access::read);
  if (!store) return report(store.error());
  const std::string name = judge_name(flags, entry);
  const std::uint64_t image_tokens = entry.provider == nullptr ? 0 : entry.provider->image_tokens;
  runs::JudgingCost cost;
  if (entry.kind != judge::JudgeKind::string_rules) {
    const auto found = runs::judging_cost(*store, name, text, image_tokens);
    if (!found) return report(found.error());
    cost = *found;
  }
  if (flags.json) {
    const nlohmann::ordered_json out = {{"judge", name},
                                        {"calls", cost.calls},
                                        {"input_tokens", cost.text_tokens + cost.image_tokens},
                                        {"text_tokens", cost.text_tokens},
                                        {"image_tokens", cost.image_tokens},
                                        {"output_tokens", cost.most_output_tokens},
                                        {"under_way", cost.under_way}};
    fmt::print("{}\n", out.dump());
    return exit_ok;
  }
  fmt::print("{}: {} calls, about {} input tokens (text {}, images {}), at most {} output tokens\n", name,
             cost.calls, cost.text_tokens + cost.image_tokens, cost.text_tokens, cost.image_tokens,
             cost.most_output_tokens);
  if (cost.under_way > 0) fmt::print("{} more are in batches under way\n", cost.under_way);
  return exit_ok;
}

/// Asks the LLM about every answer that it has not judged.
Result<judge::JudgingEnd> ask_judge(Flags& flags, const judge::JudgeEntry& entry, judge::PromptTemplate text,
                                    store::RunStore& store, Context& context) {
  const std::string name = judge_name(flags, entry);
  std::optional<judge::Endpoint> endpoint;
  judge::LocalAnswer local;
  if (entry.kind == judge::JudgeKind::endpoint) {
    HOLISAFE_TRY(auto key, api_key(flags.api_key_file));
    HOLISAFE_TRY(endpoint, judge::Endpoint::open(*entry.provider, {flags.endpoint, flags.model, flags.client},
                                                 std::move(key)));
  } else {
    HOLISAFE_TRY(const TorchModule* module, torch_module());
    HOLISAFE_TRY(local, module->open_judge(flags.directory));
  }
  HOLISAFE_TRY(const auto ledger, runs::StoreLedger::open(store, name, std::move(text)));
  HOLISAFE_TRY(const std::uint64_t total, store.unjudged_count(name));
  TerminalProgress progress("bench judge", "verdicts");
  const judge::OnProgress draw = [&](const judge::JudgingEnd& so_far) {
    std::string note = fmt::format("{} unjudged", so_far.unjudged);
    if (endpoint) note += fmt::format(", {} faults", endpoint->client().faults().total());
    progress.update(so_far.judged + so_far.unjudged, total, note);
  };
  const StopFlag& stop = context.stop();
  if (!endpoint) return judge::judge_rows(local, *ledger, draw, stop);
  if (!flags.batch) return judge::judge_rows(*endpoint, *ledger, draw, stop);
  return judge::judge_in_batches(*endpoint, *ledger, flags.batches, draw, stop);
}

/// Why an answer is unjudged: the first such reason.
Result<std::string> first_reason(const store::RunStore& store, const std::string& judge) {
  HOLISAFE_TRY(const auto rows, store.unjudged_after(judge, {}, 1));
  if (rows.empty() || !rows[0].judgement) return std::string();
  return fmt::format("id {}: {}; ", rows[0].sample.id, rows[0].judgement->reason);
}

/// Rewrites summary and report, prints the judge's score, and says what is left.
Result<int> finish(const Flags& flags, const store::RunStore& store, const std::string& name,
                   bool interrupted) {
  HOLISAFE_TRY(const auto run, runs::write_summary_and_report(store, HOLISAFE_VERSION));
  HOLISAFE_TRY(const std::uint64_t left, store.unjudged_count(name));
  const std::uint64_t answers = run.counts.answered;
  if (interrupted) {
    report({ErrorKind::interrupted, "interrupted", flags.run,
            fmt::format("{} of {} answers judged by {}; the same command goes on from there", answers - left,
                        answers, name)});
    return exit_interrupted;
  }
  for (const auto& scored : run.scores) {
    if (scored.score.judge != name) continue;
    if (flags.json) fmt::print("{}\n", benchmarks::score_json(*run.benchmark, scored.score).dump());
    if (!flags.json) fmt::print("{}", score_table({&scored, 1}, ShowPublished::none));
  }
  if (run.counts.open() > 0) {
    warn(fmt::format("{}: {} of {} samples have no answer to judge; `bench run` asks for them", flags.run,
                     run.counts.open(), run.counts.questions));
  }
  if (left == 0) return exit_ok;
  HOLISAFE_TRY(const std::string reason, first_reason(store, name));
  return report(
      {ErrorKind::missing, "verdicts are missing", flags.run,
       fmt::format("{} of {} answers are unjudged by {}; {}run the same command again to ask for those", left,
                   answers, name, reason)});
}

Result<int> judge_run(Flags& flags, const judge::JudgeEntry& entry, Context& context) {
  HOLISAFE_CHECK(check_flags(flags, entry));
  HOLISAFE_TRY(auto text, prompt(flags));
  if (flags.dry_run) return dry_run(flags, entry, text);
  std::error_code code;
  if (!std::filesystem::exists(std::filesystem::path(flags.run) / store::RunStore::file_name, code)) {
    return fail(ErrorKind::not_found, "no run there", flags.run,
                fmt::format("expected {} in it, as `bench run` makes it", store::RunStore::file_name));
  }
  HOLISAFE_TRY(auto store, store::RunStore::open(flags.run, store::Access::write));
  const std::string name = judge_name(flags, entry);
  if (entry.kind == judge::JudgeKind::string_rules) {
    HOLISAFE_CHECK(runs::judge_by_rule(store));
    return finish(flags, store, name, false);
  }
  const auto end = ask_judge(flags, entry, std::move(text), store, context);
  if (!end) {
    // What was judged before it went wrong is kept, and shown.
    const auto written = runs::write_summary_and_report(store, HOLISAFE_VERSION);
    if (!written) report(written.error());
    Error error = end.error();
    error.detail += fmt::format("{}the same command goes on from there", error.detail.empty() ? "" : "; ");
    return fail(std::move(error));
  }
  return finish(flags, store, name, end->interrupted);
}

int run_judge(Flags& flags, Context& context) {
  using std::chrono::milliseconds;
  flags.client.time_limit = milliseconds(static_cast<std::int64_t>(flags.timeout * 1000));
  if (flags.batch) {
    // Files of up to 100 MB go out, and results of as many rows come in.
    constexpr milliseconds long_enough{1'800'000};
    flags.client.time_limit = std::max(flags.client.time_limit, long_enough);
    flags.client.max_body = std::uint64_t{1} << 30;
  }
  flags.client.seed = static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
  flags.batches.max_retries = flags.client.max_retries;
  const auto exit_code = judge_run(flags, *judge::find_judge(flags.judge), context);
  return exit_code ? *exit_code : report(exit_code.error());
}

void add_client_flags(CLI::App* command, Flags& flags) {
  add_api_key_flag(command, flags.api_key_file);
  command
      ->add_option("--concurrency", flags.client.concurrency,
                   "Most requests at once; fewer where the endpoint says 429")
      ->check(CLI::Range(1, 4096));
  command->add_option("--max-retries", flags.client.max_retries, "Tries after the first of each request")
      ->check(CLI::Range(0, 1000));
  command->add_option("--timeout", flags.timeout, "Seconds until a request that has no answer is given up")
      ->check(CLI::Range(0.001, 86400.0));
  command->add_option("--requests-per-minute", flags.client.requests_per_minute,
                      "Most requests in any minute; 0: no bound");
  command->add_flag("--batch", flags.batch, "Use the provider's batch API: cheaper, and may take a day");
  command->add_option("--batch-rows", flags.batches.rows,
                      "Most rows of one batch; 0: as the provider allows");
  command->add_option("--batch-bytes", flags.batches.bytes,
                      "Most bytes of one batch; 0: as the provider allows, up to 100 MB");
}

}  // namespace

void add_bench_judge(CLI::App& bench) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command = declare(
      bench, "judge", "Judge a run's answers, also by an LLM; the same command again asks for what is left",
      {"holisafe bench judge runs/name --judge openai --dry-run",
       "holisafe bench judge runs/name --judge anthropic --judge-model claude-sonnet-4-5-20250929 --batch",
       "holisafe bench judge runs/name --judge local --judge-dir models/judge"});
  command->add_option("RUN", flags->run, "Folder of a run")->required();
  command->add_option("--judge", flags->judge, "Who judges")
      ->required()
      ->check(CLI::IsMember(judge::judge_names()));
  command
      ->add_option("--judge-model", flags->model,
                   "The provider's name of the model; otherwise the benchmark authors' judge")
      ->check(utf8_text());
  command->add_option("--judge-endpoint", flags->endpoint,
                      "Address of the API, such as http://127.0.0.1:8000/v1; otherwise the provider's");
  command->add_option("--judge-dir", flags->directory, "Checkpoint of the local judge");
  command->add_option("--judge-prompt", flags->prompt_file,
                      "File with the judge's prompt; its fields are {query}, {response}, {label}, {type}, "
                      "{category}, {subcategory}");
  add_client_flags(command, *flags);
  command->add_flag("--dry-run", flags->dry_run, "Only say how many calls and tokens it would take");
  command->add_flag("--json", flags->json, "Print the score (or the estimate) as one JSON object");
  on_run(command, [flags](Context& context) { return run_judge(*flags, context); });
}

}  // namespace holisafe::cli
