#include "runs/import_run.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "benchmarks/open_set.h"
#include "runs/add_samples.h"
#include "runs/reply_state.h"
#include "runs/rule_judge.h"
#include "store/answer_replacer.h"

namespace holisafe::runs {
namespace {

using store::value_in;

constexpr const char* responder = "imported";

/// The values that the files say: those of a run without all its answers may be others.
constexpr std::array<std::string_view, 3> of_files = {"model", "files", "answers"};
bool is_of_files(std::string_view name) {
  return std::find(of_files.begin(), of_files.end(), name) != of_files.end();
}

Result<store::Identity> identity_of(const ImportSettings& settings, const AnswerFiles& files,
                                    const benchmarks::Rows& rows) {
  HOLISAFE_TRY(const Digest data, rows.sha256());
  HOLISAFE_TRY(auto hashes, files.sha256());
  std::sort(hashes.begin(), hashes.end());
  const std::string& file = settings.files.front();
  const std::string first = file == "-" ? responder : as_utf8(std::filesystem::path(file).stem().string());
  store::Identity out = {{"benchmark", settings.benchmark},
                         {"data", hex(data)},
                         {"responder", responder},
                         {"model", !settings.name.empty() ? settings.name : first},
                         {"files", fmt::format("{}", fmt::join(hashes, " "))},
                         {"answers", files.answer_fields()},
                         {"limit", "0"},
                         {"shard", "0/1"}};
  if (!settings.split.empty() && settings.split != benchmarks::find(settings.benchmark)->default_split)
    out.emplace_back(split_name, settings.split);
  return out;
}

/// Makes the store this run's, unless it is another's: answers may change in one that lacks some.
Result<void> take_store(store::RunStore& store, const ImportSettings& settings, store::Identity& identity) {
  HOLISAFE_TRY(const auto known, store.identity("run"));
  HOLISAFE_TRY(const auto counts, store.counts());
  const bool imported = value_in(known, "responder") == responder;
  if (known.empty() || (imported && counts.samples == 0)) {
    HOLISAFE_TRY(auto nothing_yet, store::AnswerReplacer::begin(store));
    return nothing_yet.commit(identity);
  }
  const bool same = value_in(known, "files") == value_in(identity, "files") &&
                    value_in(known, "answers") == value_in(identity, "answers");
  store::Identity expected = identity;
  for (std::size_t i = 0; i < identity.size(); ++i) {
    auto& [name, value] = identity[i];
    if (name == "model" && same && settings.name.empty()) value = value_in(known, name);
    const bool may_change = imported && counts.open() > 0 && is_of_files(name);
    expected[i].second = may_change ? value_in(known, name) : value;
  }
  HOLISAFE_CHECK(store.require_same("run", expected));
  HOLISAFE_TRY(const auto batches, store.values("batch/"));
  if (same || batches.empty()) return {};
  return fail(ErrorKind::busy, "cannot replace answers", store.folder().string(),
              "expected no judge's batches under way; `bench judge` takes them up, --forget gives them up");
}

/// The data's rows, and whether the files' answers join them.
Result<RowIndex> checked_index(const ImportSettings& settings, benchmarks::Rows& rows, AnswerFiles& files) {
  constexpr std::size_t rows_at_once = 256;
  RowIndex index(settings.data.string());
  while (true) {
    HOLISAFE_TRY(const auto items, rows.next(rows_at_once));
    if (items.empty()) break;
    for (const auto& item : items) index.add(item);
  }
  HOLISAFE_CHECK(files.read(index, [](std::size_t, const auto&) -> Result<void> { return {}; }));
  rows.rewind();
  return index;
}

store::Answer unanswered(const std::string& why) {
  return {store::AnswerState::unanswered, "", "", why, std::nullopt};
}

/// Puts every row's answer, or why there is none.
class AnswerWriter {
 public:
  AnswerWriter(store::AnswerReplacer& replacer, std::size_t rows) : replacer_(replacer), put_(rows) {}

  Result<void> add(std::size_t row, store::Answer answer) {
    constexpr std::size_t batch = 512;
    put_[row] = true;
    answers_.emplace_back(store::AnswerKey{static_cast<std::int64_t>(row), 0}, std::move(answer));
    return answers_.size() < batch ? Result<void>() : flush();
  }
  Result<void> finish(const std::string& missing) {
    for (std::size_t row = 0; row < put_.size(); ++row) {
      if (!put_[row]) HOLISAFE_CHECK(add(row, unanswered(missing)));
    }
    return flush();
  }

 private:
  Result<void> flush() {
    HOLISAFE_CHECK(replacer_.put(answers_));
    answers_.clear();
    return {};
  }

  store::AnswerReplacer& replacer_;
  store::RunStore::Answers answers_;
  std::vector<bool> put_;
};

Result<void> write_answers(const store::RunStore& store, AnswerFiles& files, const RowIndex& index,
                           const store::Identity& identity) {
  HOLISAFE_TRY(auto replacer, store::AnswerReplacer::begin(store));
  AnswerWriter writer(replacer, index.rows());
  HOLISAFE_CHECK(files.read(index, [&](std::size_t row, const std::optional<std::string>& answer) {
    if (!answer) return writer.add(row, unanswered("null in " + files.names()));
    chat::Reply reply;
    reply.text = *answer;
    return writer.add(row, answer_of(reply));
  }));
  HOLISAFE_CHECK(writer.finish("not in " + files.names()));
  return replacer.commit(identity);
}

}  // namespace

Result<ImportEnd> import_run(const ImportSettings& settings) {
  const auto* benchmark = benchmarks::find(settings.benchmark);
  if (benchmark == nullptr) {
    return fail(ErrorKind::usage, "unknown benchmark", settings.benchmark,
                fmt::format("expected {}", fmt::join(benchmarks::names(), ", ")));
  }
  HOLISAFE_TRY(const std::string split, split_of(*benchmark, settings.split));
  HOLISAFE_TRY(auto files, AnswerFiles::open(settings.files, *benchmark, settings.fields));
  if (settings.note && !files.note().empty()) settings.note(files.note());
  const benchmarks::DataPlace data{settings.data, split};
  HOLISAFE_TRY(const auto rows, open_set(*benchmark, data));
  HOLISAFE_TRY(const RowIndex index, checked_index(settings, *rows, files));
  HOLISAFE_TRY(auto identity, identity_of(settings, files, *rows));
  HOLISAFE_TRY(auto store, store::RunStore::open(settings.folder, store::Access::write));
  HOLISAFE_CHECK(take_store(store, settings, identity));
  HOLISAFE_TRY(const auto added, add_samples(store, *rows, 1, {}));
  for (const auto& note : notes_on(added, *benchmark, settings.split, settings.data)) {
    if (settings.warn) settings.warn(note);
  }
  HOLISAFE_TRY(const auto images, rows->images());
  HOLISAFE_CHECK(remember_images(store, *images, settings.data));
  HOLISAFE_CHECK(
      put_counting(store, {CountAs::refused, settings.empty_as.value_or(usual_empty_as(*benchmark))}));
  HOLISAFE_CHECK(write_answers(store, files, index, identity));

  ImportEnd out;
  HOLISAFE_CHECK(write_predictions(store));
  HOLISAFE_CHECK(judge_by_rules(store, *benchmark));
  HOLISAFE_TRY(out.run, write_summary_and_report(store, settings.version));
  HOLISAFE_TRY(out.counts, store.counts());
  HOLISAFE_TRY(out.unanswered_reason, unanswered_reason(store));
  return out;
}

}  // namespace holisafe::runs
