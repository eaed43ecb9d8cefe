// Another guard's verdicts on the pooled vectors that a run has kept.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "checkpoint/fingerprint.h"
#include "runs/guard_run.h"
#include "verdicts/guard_writer.h"

namespace holisafe::runs {
namespace {

constexpr std::size_t vectors_a_batch = 256;

/// The first run's, with the new guard in the place of its own.
Result<store::Identity> identity_of(const GuardFromSettings& settings, const verdicts::GuardStore& from) {
  HOLISAFE_TRY(store::Identity out, from.identity());
  for (auto& [name, value] : out) {
    if (name == "guard") {
      HOLISAFE_TRY(value, checkpoint::fingerprint(settings.guard));
    }
    if (name == "pooled") value = settings.pooled ? "yes" : "no";
  }
  return out;
}

/// Judges vectors in batches, and keeps contents with their verdicts.
class VectorLoop {
 public:
  VectorLoop(const GuardFromSettings& settings, const verdicts::GuardStore& from,
             verdicts::GuardWriter& writer, const verdicts::VectorJudge& judge, std::size_t vector_size)
      : settings_(settings), from_(from), writer_(writer), judge_(judge), size_(vector_size) {}

  Result<void> run(std::uint64_t total, Progress* progress, const StopFlag& stop) {
    HOLISAFE_TRY(auto contents, from_.pooled());
    verdicts::PooledContent content;
    for (std::uint64_t done = 0; !stop.requested(); ++done) {
      HOLISAFE_TRY(const bool found, contents.next(content));
      if (!found) break;
      HOLISAFE_TRY(const auto known, writer_.known(*content.row.sha256));
      if (!known) HOLISAFE_CHECK(take(content));
      if (progress != nullptr) progress->update(done + 1, std::max(total, done + 1), "");
    }
    return judge_waiting();
  }

 private:
  Result<void> take(const verdicts::PooledContent& content) {
    if (content.vector.empty() && !content.row.verdict) {
      HOLISAFE_CHECK(writer_.add(content.row, {}));
      return {};
    }
    if (content.vector.size() != size_) {
      const std::string where = fmt::format("{}: {}", from_.database().where(), hex(*content.row.sha256));
      if (content.vector.empty())
        return fail(ErrorKind::missing, "no pooled vector", where, "expected a run made with --pooled");
      return fail(ErrorKind::malformed, "damaged run store", where,
                  fmt::format("expected {} numbers, found {}", size_, content.vector.size()));
    }
    waiting_.push_back(content.row);
    vectors_.insert(vectors_.end(), content.vector.begin(), content.vector.end());
    return waiting_.size() < vectors_a_batch ? Result<void>() : judge_waiting();
  }

  Result<void> judge_waiting() {
    const auto found = judge_.judge(vectors_);
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      // Anything else lies in the machine, not in the vector.
      if (!found[i] && found[i].error().kind != ErrorKind::not_finite) return fail(found[i].error());
      waiting_[i].verdict = found[i];
      const std::span<const float> vector = std::span(vectors_).subspan(i * size_, size_);
      HOLISAFE_CHECK(writer_.add(waiting_[i], settings_.pooled ? vector : std::span<const float>()));
    }
    waiting_.clear();
    vectors_.clear();
    return writer_.commit();
  }

  const GuardFromSettings& settings_;
  const verdicts::GuardStore& from_;
  verdicts::GuardWriter& writer_;
  const verdicts::VectorJudge& judge_;
  std::size_t size_;
  std::vector<verdicts::ContentRow> waiting_;
  std::vector<float> vectors_;  ///< of `waiting_`, one behind the other
};

/// Paths as they stand in the first run.
Result<void> copy_lines(const verdicts::GuardStore& from, verdicts::GuardWriter& writer,
                        const StopFlag& stop) {
  HOLISAFE_TRY(auto lines, from.lines());
  verdicts::Line line;
  while (!stop.requested()) {
    HOLISAFE_TRY(const bool found, lines.next(line));
    if (!found) break;
    std::int64_t content = -1;
    if (line.sha256) {
      HOLISAFE_TRY(const auto known, writer.known(*line.sha256));
      if (known) content = known->number;
    }
    HOLISAFE_CHECK(writer.copy(line, content));
  }
  return writer.commit();
}

Result<void> check_other_folder(const GuardFromSettings& settings) {
  std::error_code code;
  if (!std::filesystem::equivalent(settings.folder, settings.from, code)) return {};
  return fail(ErrorKind::usage, "cannot judge a run into itself", settings.folder.string(),
              "expected another folder than --from names");
}

/// What RUN2 remembers of its judge: the first run's model under the new guard.
Result<verdicts::JudgeFacts> facts_of(const verdicts::GuardStore& from, const verdicts::VectorJudge& judge) {
  HOLISAFE_TRY(auto facts, from.facts());
  if (!facts) {
    return fail(ErrorKind::missing, "nothing was judged", from.database().where(),
                "expected a run with verdicts, made with --pooled");
  }
  HOLISAFE_CHECK(judge.check_fits(*facts));
  facts->thresholds = judge.thresholds();
  return *std::move(facts);
}

Result<verdicts::Flagging> flagging_of(const GuardFromSettings& settings, const verdicts::JudgeFacts& facts) {
  if (!settings.threshold.by_class) return verdicts::Flagging(settings.threshold.unsafe);
  return verdicts::Flagging::by_class(facts.thresholds, settings.guard);
}

}  // namespace

Result<GuardRunEnd> run_guard_from(const GuardFromSettings& settings, Progress* progress,
                                   const StopFlag& stop) {
  HOLISAFE_CHECK(check_other_folder(settings));
  HOLISAFE_TRY(const auto from, verdicts::GuardStore::open(settings.from, store::Access::read));
  HOLISAFE_TRY(const auto judge, settings.open_judge());
  HOLISAFE_TRY(const verdicts::JudgeFacts facts, facts_of(from, *judge));
  HOLISAFE_TRY(const verdicts::Flagging flagging, flagging_of(settings, facts));
  HOLISAFE_TRY(const store::Identity identity, identity_of(settings, from));
  HOLISAFE_TRY(const auto store, verdicts::GuardStore::open(settings.folder, store::Access::write));
  HOLISAFE_CHECK(store.require_same(identity));
  HOLISAFE_CHECK(store.put_facts(facts));
  HOLISAFE_CHECK(store.put_flagging(flagging));
  HOLISAFE_TRY(verdicts::GuardWriter writer, verdicts::GuardWriter::begin(store));
  HOLISAFE_TRY(const std::string start, from.start());
  HOLISAFE_TRY(const auto trees, from.trees());
  HOLISAFE_CHECK(writer.begin_listing(start, trees));
  HOLISAFE_TRY(const verdicts::GuardCounts counts, from.counts());
  VectorLoop loop(settings, from, writer, *judge, static_cast<std::size_t>(facts.hidden_size));
  HOLISAFE_CHECK(loop.run(counts.contents, progress, stop));
  HOLISAFE_CHECK(copy_lines(from, writer, stop));
  GuardRunEnd out;
  out.interrupted = stop.requested();
  if (out.interrupted) return out;
  HOLISAFE_TRY(out.summary, write_guard_results(store));
  if (settings.write_page) HOLISAFE_CHECK(settings.write_page(store));
  return out;
}

}  // namespace holisafe::runs
