#include "moderation/run_page.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/file.h"
#include "moderation/run_labels.h"
#include "moderation/run_paths.h"
#include "moderation/thumbnail.h"
#include "report/guard_run_sections.h"
#include "report/page.h"
#include "verdicts/verdict_json.h"

namespace holisafe::moderation {
namespace {

/// A content worth showing.
struct Candidate {
  double rank = 0;  ///< the lower, the sooner it is shown
  Digest sha256{};
  std::string path;
  std::string words;

  bool operator<(const Candidate& other) const {
    return rank != other.rank ? rank < other.rank : sha256 < other.sha256;
  }
};

/// The first few by rank of any number.
class FirstFew {
 public:
  explicit FirstFew(std::size_t most) : most_(most) {}
  [[nodiscard]] bool wants(double rank) const {
    return most_ > 0 && (heap_.size() < most_ || rank <= heap_.front().rank);
  }
  void add(Candidate candidate) {
    heap_.push_back(std::move(candidate));
    std::push_heap(heap_.begin(), heap_.end());
    if (heap_.size() <= most_) return;
    std::pop_heap(heap_.begin(), heap_.end());
    heap_.pop_back();
  }
  std::vector<Candidate> sorted() {
    std::sort_heap(heap_.begin(), heap_.end());
    return std::move(heap_);
  }

 private:
  std::size_t most_;
  std::vector<Candidate> heap_;
};

/// How far a verdict is from being flagged, or from not being: 0 at the threshold.
double distance(const taxonomy::Verdict& verdict, const verdicts::Flagging& flagging) {
  if (!flagging.is_by_class()) return std::abs(verdict.unsafe() - flagging.threshold());
  double nearest = std::numeric_limits<double>::infinity();
  const bool flagged = flagging.flags(verdict);
  for (std::size_t i = 1; i < flagging.thresholds().size(); ++i) {
    const double over = verdict.scores[i] - flagging.thresholds()[i];
    // Of a flagged picture every class that is over would have to fall below, of another one would do.
    if (flagged && over >= 0) nearest = std::isinf(nearest) ? over : std::max(nearest, over);
    if (!flagged) nearest = std::min(nearest, -over);
  }
  return nearest;
}

std::string flagging_words(const verdicts::Flagging& flagging) {
  if (flagging.is_by_class()) return "by the guard's own thresholds, one a class";
  return fmt::format("from a probability of {:g} of not being safe on", flagging.threshold());
}

/// Counts a run's files.
class Counting {
 public:
  explicit Counting(const verdicts::Flagging& flagging) : flagging_(flagging) {}

  void add(const verdicts::Line& line) {
    if (line.gone) {
      ++counts_.gone;
      return;
    }
    if (!line.verdict) return add(line.verdict.error());
    const taxonomy::Verdict& verdict = *line.verdict;
    ++counts_.judged;
    counts_.flagged += flagging_.flags(verdict) ? 1 : 0;
    ++counts_.classes[counted_class(verdict, flagging_)];
    const auto bin = static_cast<std::size_t>(verdict.unsafe() * report::unsafe_bins);
    ++counts_.unsafe[std::min(bin, report::unsafe_bins - 1)];
  }

  report::VerdictCounts counts() && {
    for (auto& [kind, fault] : faults_) counts_.faults.push_back(std::move(fault));
    return std::move(counts_);
  }

 private:
  void add(const Error& error) {
    const std::string kind(name(error.kind));
    auto& fault = faults_[kind];
    if (fault.files++ > 0) return;
    fault.kind = kind;
    fault.first = error.message();
  }

  const verdicts::Flagging& flagging_;
  report::VerdictCounts counts_;
  std::map<std::string, report::VerdictCounts::Fault> faults_;
};

/// Fills the pictures of a page.
Result<void> choose_pictures(const verdicts::GuardStore& store, const verdicts::Flagging& flagging,
                             const PageOptions& options, report::GuardRunPage& page) {
  FirstFew unsafe(options.most_pictures);
  FirstFew nearest(options.most_pictures);
  HOLISAFE_TRY(auto contents, store.contents());
  verdicts::Content content;
  while (true) {
    HOLISAFE_TRY(const bool found, contents.next(content));
    if (!found) break;
    if (!content.verdict || content.gone) continue;
    const double apart = distance(*content.verdict, flagging);
    const double safe = 1 - content.verdict->unsafe();
    if (!unsafe.wants(safe) && !nearest.wants(apart)) continue;
    Candidate candidate{safe, content.sha256, content.path,
                        verdicts::verdict_text(*content.verdict, flagging)};
    if (content.paths > 1) candidate.words += fmt::format(", {} files", content.paths);
    unsafe.add(candidate);
    candidate.rank = apart;
    nearest.add(std::move(candidate));
  }
  HOLISAFE_TRY(const RunPaths paths, RunPaths::of(store));
  const auto shown = [&](std::vector<Candidate> candidates) {
    std::vector<report::Picture> out;
    for (Candidate& candidate : candidates) {
      out.push_back(thumbnail(paths.absolute(candidate.path), candidate.sha256, options.decode));
      out.back().title = verdicts::readable(candidate.path);
      out.back().note = std::move(candidate.words);
    }
    return out;
  };
  page.most_unsafe = shown(unsafe.sorted());
  page.nearest_threshold = shown(nearest.sorted());
  return {};
}

}  // namespace

std::string made_by(const std::string& version) {
  return version.empty() ? "Made by holisafe." : fmt::format("Made by holisafe {}.", version);
}

Result<report::VerdictCounts> count_run(const verdicts::GuardStore& store) {
  HOLISAFE_TRY(const auto flagging, store.flagging());
  Counting counting(flagging);
  HOLISAFE_TRY(auto lines, store.lines());
  verdicts::Line line;
  while (true) {
    HOLISAFE_TRY(const bool found, lines.next(line));
    if (!found) break;
    counting.add(line);
  }
  report::VerdictCounts counts = std::move(counting).counts();
  HOLISAFE_TRY(const auto files, store.counts());
  counts.duplicates = files.duplicates;
  return counts;
}

std::string run_name(const verdicts::GuardStore& store) {
  std::error_code code;
  const auto folder = std::filesystem::absolute(store.folder(), code).lexically_normal();
  return (folder.has_filename() ? folder : folder.parent_path()).filename().string();
}

Result<report::GuardRun> measure_run(const verdicts::GuardStore& store, const PageOptions& options) {
  HOLISAFE_TRY(const auto flagging, store.flagging());
  HOLISAFE_TRY(RunLabels labels, RunLabels::read(options.labels, options.images));
  HOLISAFE_TRY(const RunPaths paths, RunPaths::of(store));
  std::vector<metrics::GuardRow> rows;
  std::vector<metrics::ScoredImage> images;
  HOLISAFE_TRY(auto lines, store.lines());
  verdicts::Line line;
  while (true) {
    HOLISAFE_TRY(const bool found, lines.next(line));
    if (!found) break;
    if (!line.verdict || line.gone) continue;
    HOLISAFE_TRY(const auto label, labels.of(paths.absolute(line.path), line.content));
    if (!label) continue;
    rows.push_back({static_cast<std::uint8_t>(*label), line.verdict->scores});
    images.push_back({line.verdict->unsafe(), *label != 0});
  }
  if (rows.empty())
    return fail(ErrorKind::missing, "no labels for the run", options.labels.string(),
                "expected rows whose pictures are in " + store.folder().string() + ", found none");
  report::GuardRun out;
  out.name = run_name(store);
  out.metrics = metrics::guard_metrics(
      rows, flagging.is_by_class() ? verdicts::Flagging::usual_threshold : flagging.threshold());
  out.curves = metrics::curves(std::move(images));
  return out;
}

Result<std::string> run_page(const verdicts::GuardStore& store, const PageOptions& options) {
  HOLISAFE_TRY(const auto flagging, store.flagging());
  report::GuardRunPage page;
  page.name = run_name(store);
  page.flagged = flagging_words(flagging);
  HOLISAFE_TRY(page.counts, count_run(store));
  HOLISAFE_CHECK(choose_pictures(store, flagging, options, page));
  if (!options.labels.empty()) {
    HOLISAFE_TRY(page.measured, measure_run(store, options));
  }
  report::Report out;
  out.title = "Guard run";
  out.subtitle = page.name;
  out.sections = report::guard_run_sections(page);
  out.footer = made_by(options.version);
  return report::page(out);
}

Result<void> write_run_page(const verdicts::GuardStore& store, const PageOptions& options) {
  HOLISAFE_TRY(const std::string page, run_page(store, options));
  return write_file_atomic(store.folder() / "report.html", page);
}

}  // namespace holisafe::moderation
