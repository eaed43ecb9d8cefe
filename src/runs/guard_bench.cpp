#include "runs/guard_bench.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "report/page.h"
#include "runs/guard_answer_file.h"
#include "runs/guard_answers.h"
#include "runs/guard_run.h"
#include "runs/measured_guard.h"
#include "runs/parameter_record.h"
#include "runs/verdict_answerer.h"

namespace holisafe::runs {
namespace {

using guard_formats::Prompt;

constexpr std::string_view own_format = "holisafe";

enum class From { file, endpoint, model };

Result<From> from_of(const GuardBenchSettings& settings) {
  const bool file = !settings.predictions.empty();
  const bool endpoint = !settings.answerer.url.empty();
  const bool model = !settings.answerer.local.model.empty();
  if (static_cast<int>(file) + static_cast<int>(endpoint) + static_cast<int>(model) != 1) {
    return fail(ErrorKind::usage, "whose answers?", "",
                fmt::format("expected one of --predictions, --endpoint and --model, found {}",
                            file || endpoint || model ? "several" : "none"));
  }
  return file ? From::file : endpoint ? From::endpoint : From::model;
}

Error bad_flag(const char* flag, const guard_formats::GuardFormat& format, std::string detail) {
  return {ErrorKind::usage, fmt::format("flag does not go with --format {}", format.name), flag,
          std::move(detail)};
}

Result<void> check_flags(const GuardBenchSettings& settings, From from) {
  const auto& format = *settings.format;
  if (settings.threshold && !format.scores)
    return fail(bad_flag("--threshold", format, "expected a format with scores: its answers have none"));
  if (from == From::endpoint && !format.request)
    return fail(
        bad_flag("--endpoint", format, "expected --predictions: nobody can be asked for such answers"));
  if (from == From::model && format.name != own_format)
    return fail(bad_flag("--model", format, "expected --format holisafe, which is what such a guard says"));
  const bool needs_policy = from == From::endpoint && format.request->needs_policy;
  if (needs_policy && settings.policy.empty())
    return fail(bad_flag("--endpoint", format, "expected --policy FILE, found none"));
  if (!needs_policy && !settings.policy.empty()) {
    return fail(bad_flag("--policy", format,
                         from == From::endpoint ? "expected llavaguard or shieldgemma, which are told one"
                                                : "expected --endpoint, which it is sent to"));
  }
  const chat::ModelSettings& local = settings.answerer.local;
  if (from != From::model && (!local.guard.empty() || !local.adapter.empty()))
    return fail(bad_flag(local.guard.empty() ? "--adapter" : "--guard", format, "expected --model"));
  if (from != From::endpoint && !settings.answerer.api_model.empty())
    return fail(bad_flag("--api-model", format, "expected --endpoint"));
  return {};
}

/// Whether a run is there in which every image has its answer.
bool is_done(const std::filesystem::path& folder) {
  if (folder.empty() || !holds_guard_answers(folder)) return false;
  const auto store = store::RunStore::open_guard_answers(folder, store::Access::read);
  const auto counts = store ? store->counts() : Result<store::RunStore::Counts>(fail(store.error()));
  return counts && counts->samples > 0 && counts->open() == 0;
}

/// What is asked: one question an image, unless the format says otherwise.
struct Questions {
  std::vector<Prompt> prompts;  ///< of an endpoint
  std::string policy_hash;      ///< empty without a policy
};

Result<Questions> questions_of(const GuardBenchSettings& settings, From from) {
  constexpr std::uint64_t most_bytes = std::uint64_t{1} << 20;
  Questions out;
  if (from != From::endpoint) return out;
  guard_formats::Policy policy{"", settings.policy};
  if (!settings.policy.empty()) {
    HOLISAFE_TRY(policy.text, read_file(settings.policy, most_bytes));
    out.policy_hash = hex(sha256(policy.text));
    if (!is_utf8(policy.text))
      return fail(ErrorKind::invalid_utf8, "cannot use the policy", settings.policy, "expected UTF-8");
  }
  HOLISAFE_TRY(out.prompts, settings.format->request->prompts(policy));
  return out;
}

/// What a guard is called, and where its answers come from.
struct Naming {
  std::string guard;
  std::string source;
};

Naming naming_of(const GuardBenchSettings& settings, From from) {
  const AnswererSettings& who = settings.answerer;
  if (from == From::endpoint) return {who.api_model, fmt::format("{} at an endpoint", who.api_model)};
  if (from == From::model) {
    const std::string folder = folder_name(who.local.model);
    return {folder, fmt::format("{} on this machine", folder)};
  }
  if (settings.predictions == "-") return {std::string(settings.format->name), "standard input"};
  const std::filesystem::path file = settings.predictions;
  return {as_utf8(file.stem().string()), as_utf8(file.filename().string())};
}

/// All that makes this measurement another than the next.
Result<store::Identity> identity_of(const GuardBenchSettings& settings, From from, const GuardImages& images,
                                    const Questions& questions, const GuardReader& reader,
                                    const std::optional<GuardAnswerFile>& file) {
  store::Identity out = {{"format", std::string(settings.format->name)}, {"data", hex(images.sha256())}};
  if (from == From::file) {
    HOLISAFE_TRY(const Digest answers, file->sha256());
    out.emplace_back("guard", naming_of(settings, from).guard);
    out.emplace_back("answers", hex(answers));
  } else if (from == From::endpoint) {
    HOLISAFE_TRY(auto own, endpoint_answerer.identity(settings.answerer));
    own.front().first = "guard";  // which the model is
    out.insert(out.end(), own.begin(), own.end());
  } else {
    HOLISAFE_TRY(const auto own, guard_identity(settings.answerer.local, {}));
    out.insert(out.end(), own.begin(), own.end());
  }
  out.emplace_back("policy", questions.policy_hash);
  out.emplace_back("threshold", reader.threshold ? fmt::format("{}", *reader.threshold) : "the guard's own");
  return out;
}

/// Whether every image has an answer in the file, and every answer can be taken.
Result<void> check_file(const GuardBenchSettings& settings, const GuardImages& images,
                        const GuardAnswerFile& file) {
  std::vector<bool> there(images.images().size());
  const auto found = [&](std::size_t image, const std::string&) -> Result<void> {
    there[image] = true;
    return {};
  };
  HOLISAFE_TRY(const std::uint64_t others, file.read(images, settings.threshold.has_value(), found));
  const auto missing = static_cast<std::size_t>(std::count(there.begin(), there.end(), false));
  if (missing == 0 || settings.allow_missing) {
    if (others > 0 && settings.warn) {
      settings.warn(fmt::format("answers on other pictures are left out: {}: {} of them are no images of {}",
                                file.path(), others, images.file()));
    }
    return {};
  }
  const auto first = static_cast<std::size_t>(std::find(there.begin(), there.end(), false) - there.begin());
  return fail(ErrorKind::missing, "images without an answer", file.path(),
              fmt::format("expected one for each of the {} images of {}, found none for {}, the first {}; "
                          "--allow-missing leaves them unjudged",
                          there.size(), images.file(), missing, excerpt(images.images()[first].name, 100)));
}

Result<void> write_file_answers(store::RunStore& store, const GuardImages& images,
                                const GuardAnswerFile& file) {
  constexpr std::size_t batch = 256;
  store::RunStore::Answers answers;
  const auto flush = [&]() -> Result<void> {
    auto written = store.write(answers);
    answers.clear();
    return written;
  };
  const auto keep = [&](std::size_t image, const std::string& output) -> Result<void> {
    answers.emplace_back(store::AnswerKey{static_cast<std::int64_t>(image), 0},
                         store::Answer{store::AnswerState::answered, output, "", "", std::nullopt});
    return answers.size() < batch ? Result<void>() : flush();
  };
  HOLISAFE_CHECK(file.read(images, false, keep));
  HOLISAFE_CHECK(flush());
  // What the file lacks says so.
  store::AnswerKey last;
  while (true) {
    HOLISAFE_TRY(const auto rows, store.unanswered_after(last, batch));
    if (rows.empty()) return {};
    last = rows.back().key();
    for (const auto& row : rows) {
      answers.emplace_back(row.key(), store::Answer{store::AnswerState::unanswered, "", "",
                                                    "not in " + file.path(), std::nullopt});
    }
    HOLISAFE_CHECK(flush());
  }
}

/// Whoever answers, and what is learnt of an endpoint meanwhile.
Result<ask::AskEnd> ask(GuardBenchSettings& settings, From from, store::RunStore& store,
                        const GuardImages& images, const Questions& questions, Progress* progress,
                        const StopFlag& stop) {
  HOLISAFE_TRY(const auto before, store.counts());
  if (before.open() == 0) return ask::AskEnd();
  ParameterRecord record({&store}, "guard", settings.warn);
  std::vector<Prompt> prompts = questions.prompts;
  unsigned max_new_tokens = 1;
  std::optional<Asker> asker;
  if (from == From::endpoint) {
    max_new_tokens = settings.format->request->max_new_tokens;
    HOLISAFE_CHECK(record.follow(settings.answerer));
    HOLISAFE_TRY(asker, endpoint_answerer.open(std::move(settings.answerer), stop));
  } else {
    prompts.resize(1);
    HOLISAFE_TRY(auto model, settings.open_guard(settings.answerer.local, &stop));
    asker.emplace(std::make_unique<VerdictAnswerer>(std::move(model)));
  }
  GuardLedger ledger(store, images, std::move(prompts), max_new_tokens);
  const auto draw = [&](const ask::AskEnd& so_far) {
    if (progress != nullptr)
      progress->update(so_far.settled + so_far.unsettled, before.open(), faults_note(so_far.faults));
  };
  HOLISAFE_TRY(auto end, asker->ask(ledger, draw, stop));
  HOLISAFE_CHECK(record.kept());
  return end;
}

Result<std::string> first_reason(const store::RunStore& store) {
  HOLISAFE_TRY(const auto rows, store.unanswered_after({}, 1));
  if (rows.empty() || !rows[0].answer) return std::string();
  return fmt::format("{}: {}", rows[0].sample.id, rows[0].answer->reason);
}

Result<void> write_files(const std::filesystem::path& folder, const report::MeasuredGuard& guard,
                         const std::string& version) {
  HOLISAFE_CHECK(write_file_atomic(folder / "summary.json", to_json(guard).dump(2) + "\n"));
  return write_file_atomic(folder / "report.html", report::page(guard_report({&guard, 1}, version)));
}

}  // namespace

Result<GuardBenchEnd> bench_guard(GuardBenchSettings settings, Progress* progress, const StopFlag& stop) {
  HOLISAFE_TRY(const From from, from_of(settings));
  HOLISAFE_CHECK(check_flags(settings, from));
  if (from == From::endpoint) settings.answerer.provider = &settings.format->request->provider();
  HOLISAFE_TRY(const Questions questions, questions_of(settings, from));
  HOLISAFE_TRY(const GuardImages images, GuardImages::open(settings.data, settings.images));
  if (images.disagreements() > 0 && settings.warn) {
    settings.warn(fmt::format("{}: {} rows label an image otherwise than its first row, whose label counts",
                              images.file(), images.disagreements()));
  }
  GuardReader reader{settings.format, questions.prompts, settings.threshold};
  if (!reader.threshold) reader.threshold = settings.format->threshold;
  std::optional<GuardAnswerFile> file;
  if (from == From::file) {
    HOLISAFE_TRY(file, GuardAnswerFile::open(settings.predictions, *settings.format));
    HOLISAFE_CHECK(check_file(settings, images, *file));
  }
  HOLISAFE_TRY(const auto identity, identity_of(settings, from, images, questions, reader, file));
  if (from != From::file && !is_done(settings.folder)) HOLISAFE_CHECK(images.check(progress, stop));
  HOLISAFE_TRY(auto store, settings.folder.empty()
                               ? store::RunStore::in_memory()
                               : store::RunStore::open_guard_answers(settings.folder, store::Access::write));
  HOLISAFE_CHECK(store.require_same("run", identity));
  HOLISAFE_CHECK(add_images(store, images, std::max<std::size_t>(1, questions.prompts.size())));
  Naming naming = naming_of(settings, from);
  if (!settings.name.empty()) naming.guard = settings.name;
  HOLISAFE_CHECK(remember_reader(store, reader, naming.guard, naming.source));

  GuardBenchEnd out;
  if (file) {
    HOLISAFE_CHECK(write_file_answers(store, images, *file));
  } else {
    HOLISAFE_TRY(const auto asked, ask(settings, from, store, images, questions, progress, stop));
    out.interrupted = asked.interrupted;
    out.stopped = asked.stopped;
  }
  HOLISAFE_TRY(const auto counts, store.counts());
  out.questions = counts.questions;
  out.open = counts.open();
  if (out.interrupted || out.stopped) return out;
  HOLISAFE_TRY(out.open_reason, first_reason(store));
  HOLISAFE_TRY(out.guard, measure_guard(store, reader));
  out.guard.name = naming.guard;
  out.guard.source = naming.source;
  if (!settings.folder.empty()) HOLISAFE_CHECK(write_files(settings.folder, out.guard, settings.version));
  return out;
}

}  // namespace holisafe::runs
