#include "runs/judge_run.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include <fmt/format.h>

#include "base/file.h"
#include "base/hash.h"
#include "runs/judge_ledger.h"
#include "runs/parameter_record.h"
#include "runs/row_marks.h"
#include "runs/rule_judge.h"

namespace holisafe::runs {
namespace {

/// Flags that make no sense for the chosen judge.
Result<void> check(const JudgeSettings& settings, const JudgeEntry& entry) {
  const auto refuse = [&](const char* flag, const char* judges) {
    return fail(ErrorKind::usage, "flag does not go with the judge", flag,
                fmt::format("expected --judge {}, found {}", judges, settings.judge));
  };
  constexpr const char* endpoints = "openai, anthropic or gemini";
  const AnswererSettings& who = settings.answerer;
  const bool endpoint = entry.kind == JudgeKind::endpoint;
  const bool local = entry.kind == JudgeKind::local_model;
  if (!endpoint && who.batch) return refuse("--batch", endpoints);
  if (!endpoint && !who.api_model.empty()) return refuse("--judge-model", endpoints);
  if (!endpoint && !who.url.empty()) return refuse("--judge-endpoint", endpoints);
  if (!endpoint && !who.request_json.empty()) return refuse("--request-json", endpoints);
  if (!endpoint && !who.key_header.empty()) return refuse("--api-key-header", endpoints);
  if (!endpoint && who.parameters.no_temperature) return refuse("--no-temperature", endpoints);
  if (!endpoint && who.parameters.completion_tokens) return refuse("--tokens-as", endpoints);
  if (!local && !who.local.model.empty()) return refuse("--judge-dir", "local");
  if (!local && !who.local.adapter.empty()) return refuse("--adapter", "local");
  if (!local && !who.local.guard.empty()) return refuse("--guard", "local");
  if (!endpoint && !local && !settings.prompt_file.empty())
    return refuse("--judge-prompt", "openai, anthropic, gemini or local");
  if (local && who.local.model.empty()) {
    return fail(ErrorKind::usage, "judge without a model", "--judge local",
                "expected --judge-dir DIR, found none");
  }
  return {};
}

Result<const JudgeEntry*> chosen_judge(JudgeSettings& settings) {
  const JudgeEntry* entry = find_judge(settings.judge);
  if (entry == nullptr) {
    return fail(ErrorKind::usage, "unknown judge", settings.judge,
                fmt::format("expected {}", fmt::join(judge_names(), ", ")));
  }
  HOLISAFE_CHECK(check(settings, *entry));
  settings.answerer.provider = entry->provider;
  if (settings.answerer.api_model.empty()) settings.answerer.api_model = entry->default_model;
  return entry;
}

/// The name that judgements are kept under.
std::string name_of(const JudgeSettings& settings, const JudgeEntry& entry) {
  if (entry.kind == JudgeKind::rule) return std::string(entry.name);
  const AnswererSettings& who = settings.answerer;
  return fmt::format("{}:{}", entry.name,
                     entry.kind == JudgeKind::endpoint ? who.api_model : folder_name(who.local.model));
}

Result<Judging> judging(const JudgeSettings& settings, const store::RunStore& store) {
  HOLISAFE_TRY(const auto* benchmark, benchmark_of({"", {&store}}));
  if (!benchmark->protocol) {
    std::vector<std::string_view> rules;
    for (const auto& rule : benchmark->rules) rules.push_back(rule.name);
    return fail(ErrorKind::unsupported, "benchmark without LLM judges", std::string(benchmark->name),
                fmt::format("expected one of its rules ({}), found --judge {}", fmt::join(rules, ", "),
                            settings.judge));
  }
  const auto& protocol = *benchmark->protocol;
  constexpr std::uint64_t most_bytes = std::uint64_t{1} << 20;
  Judging out;
  if (settings.prompt_file.empty()) {
    HOLISAFE_TRY(out, Judging::of(protocol));
  } else {
    HOLISAFE_TRY(auto text, read_file(settings.prompt_file, most_bytes));
    HOLISAFE_TRY(out, Judging::with(protocol, std::move(text), settings.prompt_file));
  }
  out.max_tokens = settings.max_tokens;
  HOLISAFE_TRY(out.mark, mark_of(store));
  return out;
}

Result<const benchmarks::Rule*> rule_of(const store::RunStore& store, const JudgeEntry& entry) {
  HOLISAFE_TRY(const auto* benchmark, benchmark_of({"", {&store}}));
  if (const auto* rule = benchmarks::find_rule(*benchmark, entry.name)) return rule;
  std::vector<std::string_view> names;
  for (const auto& rule : benchmark->rules) names.push_back(rule.name);
  return fail(ErrorKind::usage, "rule of another benchmark", fmt::format("--judge {}", entry.name),
              fmt::format("expected {} for {}", fmt::join(names, ", "), benchmark->name));
}

/// All that makes a judge another one than the next, its prompt and its server's host included.
Result<store::Identity> identity_of(const AnswererSettings& who, const AnswererKind& kind,
                                    const std::string& prompt) {
  store::Identity out = {{"prompt", hex(sha256(prompt))}};
  HOLISAFE_TRY(const auto own, kind.identity(who));
  out.insert(out.end(), own.begin(), own.end());
  if (who.provider != nullptr) {
    HOLISAFE_TRY(const auto address, ask::address_of(*who.provider, who.url));
    out.emplace_back("host", address.host_name());
  }
  return out;
}

/// Asks the LLM about every answer that it has not judged.
Result<ask::AskEnd> ask(JudgeSettings& settings, const std::string& name, Judging judging,
                        store::RunStore& store, Progress* progress, const StopFlag& stop) {
  HOLISAFE_TRY(const AnswererKind* kind, chosen_answerer(settings.answerer));
  HOLISAFE_TRY(const auto identity, identity_of(settings.answerer, *kind, judging.known_text()));
  HOLISAFE_CHECK(store.require_same(name, identity));
  ParameterRecord record({&store}, name, settings.warn);
  HOLISAFE_CHECK(record.follow(settings.answerer));
  HOLISAFE_TRY(Asker asker, kind->open(std::move(settings.answerer), stop));
  HOLISAFE_TRY(const auto ledger, JudgeLedger::open(store, name, std::move(judging)));
  HOLISAFE_TRY(const std::uint64_t total, store.unjudged_count(name));
  const auto draw = [&](const ask::AskEnd& so_far) {
    if (progress == nullptr) return;
    progress->update(so_far.settled + so_far.unsettled, total,
                     fmt::format("{} unjudged, {}", so_far.unsettled, faults_note(so_far.faults)));
  };
  HOLISAFE_TRY(auto end, asker.ask(*ledger, draw, stop));
  HOLISAFE_CHECK(record.kept());
  return end;
}

/// Why an answer is unjudged: the first such reason.
Result<std::string> first_reason(const store::RunStore& store, const std::string& judge) {
  HOLISAFE_TRY(const auto rows, store.unjudged_after(judge, {}, 1));
  if (rows.empty() || !rows[0].judgement) return std::string();
  return fmt::format("id {}: {}", rows[0].sample.id, rows[0].judgement->reason);
}

Result<store::RunStore> open_run(const std::filesystem::path& folder, store::Access access) {
  std::error_code code;
  if (!std::filesystem::exists(folder / store::RunStore::file_name, code)) {
    return fail(ErrorKind::not_found, "no run there", folder.string(),
                fmt::format("expected {} in it, as `bench run` makes it", store::RunStore::file_name));
  }
  return store::RunStore::open(folder, access);
}

}  // namespace

Result<JudgeEnd> judge_run(JudgeSettings settings, Progress* progress, const StopFlag& stop) {
  HOLISAFE_TRY(const JudgeEntry* entry, chosen_judge(settings));
  HOLISAFE_TRY(auto store, open_run(settings.folder, store::Access::write));
  JudgeEnd out;
  out.name = name_of(settings, *entry);
  if (entry->kind == JudgeKind::rule) {
    HOLISAFE_TRY(const auto* rule, rule_of(store, *entry));
    HOLISAFE_CHECK(judge_by_rule(store, *rule));
  } else {
    HOLISAFE_TRY(Judging with, judging(settings, store));
    HOLISAFE_TRY(const auto end, ask(settings, out.name, std::move(with), store, progress, stop));
    out.interrupted = end.interrupted;
    out.stopped = end.stopped;
  }
  HOLISAFE_TRY(out.run, write_summary_and_report(store, settings.version));
  HOLISAFE_TRY(out.left, store.unjudged_count(out.name));
  HOLISAFE_TRY(out.unjudged_reason, first_reason(store, out.name));
  return out;
}

Result<JudgedRun> forget_judge(const std::filesystem::path& folder, const std::string& judge,
                               const std::string& version) {
  HOLISAFE_TRY(auto store, open_run(folder, store::Access::write));
  HOLISAFE_TRY(const auto judges, store.judges());
  if (std::find(judges.begin(), judges.end(), judge) == judges.end()) {
    return fail(ErrorKind::missing, "no such judge", folder.string(),
                fmt::format("expected one of {}, found \"{}\"", fmt::join(judges, ", "), judge));
  }
  HOLISAFE_TRY(const auto batches, open_batches(store, judge));
  for (const auto& batch : batches) HOLISAFE_CHECK(forget_batch(store, judge, batch.id));
  HOLISAFE_CHECK(store.forget_judge(judge));
  return write_summary_and_report(store, version);
}

Result<JudgingCost> judging_cost(JudgeSettings settings) {
  constexpr std::size_t page_rows = 64;
  constexpr std::size_t bytes_per_token = 4;
  HOLISAFE_TRY(const JudgeEntry* entry, chosen_judge(settings));
  HOLISAFE_TRY(const auto store, open_run(settings.folder, store::Access::read));
  JudgingCost out;
  out.judge = name_of(settings, *entry);
  if (entry->kind == JudgeKind::rule) return out;
  HOLISAFE_TRY(const Judging with, judging(settings, store));
  HOLISAFE_TRY(const auto batches, open_batches(store, out.judge));
  HOLISAFE_TRY(const std::int64_t answers, store.answers_a_sample());
  const AskedKeys keys(answers);
  std::unordered_set<chat::Key> under_way;
  for (const auto& batch : batches) under_way.insert(batch.keys.begin(), batch.keys.end());
  store::AnswerKey last;
  while (true) {
    HOLISAFE_TRY(const auto page, store.unjudged_after(out.judge, last, page_rows));
    if (page.empty()) break;
    last = page.back().key();
    for (const store::Row& row : page) {
      if (under_way.contains(keys.asked(row.key()))) {
        ++out.under_way;
        continue;
      }
      const auto asked = with.prompt_for(row);
      if (!asked) continue;  // judging says why it cannot be asked
      ++out.calls;
      out.text_tokens += (asked->text.size() + bytes_per_token - 1) / bytes_per_token;
      const std::size_t images = with.protocol->sees_image ? row.sample.images().size() : 0;
      if (entry->provider != nullptr) out.image_tokens += images * entry->provider->image_tokens;
    }
  }
  out.most_output_tokens = out.calls * with.max_tokens;
  return out;
}

nlohmann::ordered_json to_json(const JudgingCost& cost) {
  return {{"judge", cost.judge},
          {"calls", cost.calls},
          {"input_tokens", cost.text_tokens + cost.image_tokens},
          {"text_tokens", cost.text_tokens},
          {"image_tokens", cost.image_tokens},
          {"output_tokens", cost.most_output_tokens},
          {"under_way", cost.under_way}};
}

}  // namespace holisafe::runs
