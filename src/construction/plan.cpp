#include "construction/plan.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "base/random.h"

namespace holisafe::construction {
namespace {

using taxonomy::Combination;

constexpr std::size_t planned_a_page = 256;

/// The 19 harm classes in an order of the seed's (Fisher and Yates).
std::array<std::size_t, taxonomy::class_count - 1> order_of_harms(std::uint64_t seed) {
  std::array<std::size_t, taxonomy::class_count - 1> out{};
  std::iota(out.begin(), out.end(), std::size_t{1});
  Random random(seed);
  for (std::size_t i = out.size(); i > 1; --i)
    std::swap(out[i - 1], out[scale(static_cast<std::uint32_t>(random.next() >> 32U), i)]);
  return out;
}

class Planning {
 public:
  Planning(Work& work, const PlanSettings& settings)
      : work_(work), settings_(settings), order_(order_of_harms(settings.seed)) {}

  Result<std::uint64_t> run() {
    HOLISAFE_TRY(const auto cells, work_.pair_cells());
    for (const CellCount& cell : cells) count(cell.type, cell.subcategory) += cell.pairs;
    HOLISAFE_TRY(const std::int64_t first, work_.next_pair_id());
    next_ = first;
    // What is certain is counted first: what is in turn goes around it.
    HOLISAFE_CHECK(for_each_missing([&](const ImageRow& image, Combination type, std::uint64_t missing) {
      if (image.label == std::size_t{0} && image.subcategory) count(type, *image.subcategory) += missing;
      return Result<void>();
    }));
    HOLISAFE_CHECK(for_each_missing([&](const ImageRow& image, Combination type, std::uint64_t missing) {
      for (std::uint64_t i = 0; i < missing; ++i) add(image, type);
      return waiting_.size() < planned_a_page ? Result<void>() : flush();
    }));
    HOLISAFE_CHECK(flush());
    return static_cast<std::uint64_t>(next_ - first);
  }

 private:
  using OnMissing =
      std::function<Result<void>(const ImageRow& image, Combination type, std::uint64_t missing)>;

  std::uint64_t& count(Combination type, std::size_t harm) {
    return counts_[static_cast<std::size_t>(type)][harm];
  }

  Result<void> for_each_missing(const OnMissing& visit) {
    std::vector<ImageRow> page;
    const auto flush_page = [&]() -> Result<void> {
      if (page.empty()) return {};
      HOLISAFE_TRY(const auto known, work_.pair_types(page.front().id, page.back().id));
      for (const ImageRow& image : page) {
        const auto found = known.find(image.id);
        HOLISAFE_CHECK(visit_missing(image, found == known.end() ? TypeCounts{} : found->second, visit));
      }
      page.clear();
      return {};
    };
    ImageFilter kept;
    kept.state = ImageState::kept;
    HOLISAFE_CHECK(work_.for_each_image(kept, [&](const ImageRow& image) -> Result<void> {
      if (image.label) page.push_back(image);
      return page.size() < planned_a_page ? Result<void>() : flush_page();
    }));
    return flush_page();
  }

  Result<void> visit_missing(const ImageRow& image, const TypeCounts& known, const OnMissing& visit) const {
    for (std::size_t i = 0; i < taxonomy::combination_count; ++i) {
      const auto type = static_cast<Combination>(i);
      const bool wanted =
          std::find(settings_.types.begin(), settings_.types.end(), type) != settings_.types.end();
      const bool fits = taxonomy::label_fits(type, static_cast<std::int64_t>(*image.label));
      if (!wanted || !fits || known[i] >= settings_.pairs_per_type) continue;
      HOLISAFE_CHECK(visit(image, type, settings_.pairs_per_type - known[i]));
    }
    return {};
  }

  /// Of which a combination has least, the first of them in the seed's order.
  std::size_t next_harm(Combination type) {
    return *std::min_element(order_.begin(), order_.end(),
                             [&](std::size_t a, std::size_t b) { return count(type, a) < count(type, b); });
  }

  void add(const ImageRow& image, Combination type) {
    PairRow row;
    row.id = next_++;
    row.image_id = image.id;
    row.type = type;
    if (*image.label != 0) {
      row.subcategory = *image.label;
    } else if (image.subcategory) {
      row.subcategory = *image.subcategory;
    } else {
      row.subcategory = next_harm(type);
      ++count(type, row.subcategory);
    }
    waiting_.push_back(std::move(row));
  }

  Result<void> flush() {
    auto done = work_.write(waiting_);
    waiting_.clear();
    return done;
  }

  Work& work_;
  const PlanSettings& settings_;
  std::array<std::size_t, taxonomy::class_count - 1> order_;
  std::array<std::array<std::uint64_t, taxonomy::class_count>, taxonomy::combination_count> counts_{};
  std::vector<PairRow> waiting_;
  std::int64_t next_ = 0;
};

}  // namespace

Result<std::uint64_t> plan_pairs(Work& work, const PlanSettings& settings) {
  std::uint64_t added = 0;
  HOLISAFE_CHECK(work.together([&]() -> Result<void> {
    HOLISAFE_TRY(added, Planning(work, settings).run());
    return {};
  }));
  return added;
}

}  // namespace holisafe::construction
