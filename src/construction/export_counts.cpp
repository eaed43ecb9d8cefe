#include "construction/export_counts.h"

#include <algorithm>

#include <fmt/format.h>

namespace holisafe::construction {
namespace {

class ExportCounting {
 public:
  ExportCounting(const Work& work, const ExportSelection& selection, std::size_t images)
      : work_(work), selection_(selection), seen_(images) {}

  Result<ExportCounts> run(const StopFlag& stop) {
    ExportedPairs pairs(work_, selection_.reviewed_only);
    while (true) {
      HOLISAFE_TRY(const PairWithImage* const exported, pairs.next());
      if (exported == nullptr) break;
      if (stop.requested()) return fail(ErrorKind::interrupted, "stopped", where());
      HOLISAFE_CHECK(add(*exported));
    }
    counts_.left_out = pairs.left_out();
    HOLISAFE_CHECK(check());
    return std::move(counts_);
  }

 private:
  [[nodiscard]] std::string where() const { return work_.folder().string(); }

  Result<void> add(const PairWithImage& exported) {
    const auto& [pair, image] = exported;
    if (static_cast<std::size_t>(image.id) >= seen_.size()) {
      return fail(ErrorKind::malformed, "cannot export", where(),
                  fmt::format("expected images 0 to {}, found {}", seen_.size(), image.id));
    }
    if (image.license.empty() && selection_.require_license) {
      return fail(ErrorKind::missing, "no license",
                  fmt::format("{}: {}", one_line(image.source), one_line(image.path)),
                  fmt::format("expected one, as --require-license asks, found none for image {}", image.id));
    }
    if (image.side == Side::none) {
      ++counts_.without_side;
      return {};
    }
    SideCounts& side = image.side == Side::bench ? counts_.bench : counts_.train;
    ++side.pairs;
    ++side.cells[cell_of(pair.subcategory, pair.type)];
    auto seen = seen_[static_cast<std::size_t>(image.id)];
    if (!seen) ++side.images;
    seen = true;
    add_names(pair, image);
    return {};
  }

  void add_names(const PairRow& pair, const ImageRow& image) {
    counts_.writers.add(pair.writer.empty() ? "the source" : pair.writer);
    if (pair.checker.empty()) {
      ++counts_.unchecked;
    } else {
      counts_.checkers.add(pair.checker);
      if (pair.checker == pair.writer) ++counts_.own_checker;
    }
    if (pair.review) {
      if (pair.review->decision == "accept") ++counts_.accepted;
      if (pair.review->decision == "edit") ++counts_.edited;
      counts_.reviewers.add(pair.review->reviewer);
    }
    counts_.licenses.add(image.license.empty() ? "unknown" : image.license);
    if (image.license.empty()) ++counts_.without_license;
  }

  Result<void> check() {
    const std::uint64_t all = counts_.pairs() + counts_.without_side;
    if (all == 0) {
      return fail(ErrorKind::missing, "nothing to export", where(),
                  selection_.reviewed_only ? "expected pairs that a person accepted or edited, found none"
                                           : "expected pairs that are ready and not rejected, found none");
    }
    if (counts_.without_side == 0) return {};
    return fail(
        ErrorKind::missing, "no split", where(),
        fmt::format("expected a side for each of {} pairs from `holisafe data split`, found none for {}", all,
                    counts_.without_side));
  }

  const Work& work_;
  const ExportSelection& selection_;
  std::vector<bool> seen_;  ///< images
  ExportCounts counts_;
};

}  // namespace

void Tally::add(const std::string& name) {
  const auto place = counts_.find(name);
  if (place != counts_.end()) {
    ++place->second;
  } else if (counts_.size() < most_names) {
    counts_.emplace(name, 1);
  } else {
    ++others_;
  }
}

std::vector<std::pair<std::string, std::uint64_t>> Tally::entries() const {
  std::vector<std::pair<std::string, std::uint64_t>> out(counts_.begin(), counts_.end());
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  return out;
}

Result<ExportCounts> count_export(const Work& work, const ExportSelection& selection, const StopFlag& stop) {
  HOLISAFE_TRY(const std::int64_t images, work.image_count());
  return ExportCounting(work, selection, static_cast<std::size_t>(images)).run(stop);
}

}  // namespace holisafe::construction
