#include "image/near_duplicates.h"

#include <algorithm>
#include <array>
#include <climits>
#include <cmath>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "image/for_each.h"
#include "image/low_frequency_index.h"
#include "image/same_picture.h"

namespace holisafe::image {
namespace {

/// Pictures whose proposals are looked at together.
constexpr std::size_t batch_size = 256;
/// And those whose proposals are looked up together in an index.
constexpr std::size_t lookup_size = 8 * batch_size;

/// Sets that grow together (union-find); each is known by its lowest number.
class PictureSets {
 public:
  explicit PictureSets(std::size_t count) : parents_(count) {
    std::iota(parents_.begin(), parents_.end(), 0U);
  }

  std::uint32_t find(std::uint32_t number) {
    while (parents_[number] != number) {
      parents_[number] = parents_[parents_[number]];
      number = parents_[number];
    }
    return number;
  }
  void join(std::uint32_t a, std::uint32_t b) {
    a = find(a);
    b = find(b);
    parents_[std::max(a, b)] = std::min(a, b);
  }

 private:
  std::vector<std::uint32_t> parents_;
};

/// Pictures ready to be compared, those used last. Thread-safe.
class ComparablePictures {
 public:
  using Picture = std::shared_ptr<const ComparablePicture>;

  ComparablePictures(const SketchSource& source, std::size_t most) : source_(source), most_(most) {}

  Result<Picture> get(std::uint32_t number) {
    if (auto kept = find(number)) return *kept;
    HOLISAFE_TRY(const PixelSketch sketch, source_(number));
    auto picture = std::make_shared<const ComparablePicture>(sketch);
    const std::lock_guard lock(mutex_);
    if (places_.contains(number)) return picture;
    order_.emplace_front(number, picture);
    places_[number] = order_.begin();
    if (order_.size() > most_) {
      places_.erase(order_.back().first);
      order_.pop_back();
    }
    return picture;
  }

 private:
  std::optional<Picture> find(std::uint32_t number) {
    const std::lock_guard lock(mutex_);
    const auto place = places_.find(number);
    if (place == places_.end()) return std::nullopt;
    order_.splice(order_.begin(), order_, place->second);
    return place->second->second;
  }

  using Order = std::list<std::pair<std::uint32_t, Picture>>;
  const SketchSource& source_;
  std::size_t most_;
  std::mutex mutex_;
  Order order_;  ///< used last, first
  std::unordered_map<std::uint32_t, Order::iterator> places_;
};

class NearDuplicateSearch {
 public:
  NearDuplicateSearch(const LowFrequencyTable& table, const SketchSource& sketch_of,
                      const NearDuplicateOptions& options)
      : table_(table),
        sketch_of_(sketch_of),
        options_(options),
        pictures_(sketch_of, options.cached),
        sets_(table.size()),
        coloured_(table.size()) {}

  Result<std::vector<PictureCluster>> run() {
    for (std::size_t begin = 0; begin < table_.size(); begin += batch_size) {
      if (options_.stop != nullptr && options_.stop->requested())
        return fail(ErrorKind::interrupted, "stopped while looking for near-duplicates");
      const std::size_t end = std::min(begin + batch_size, table_.size());
      HOLISAFE_TRY(auto queries, proposals(begin, end));
      HOLISAFE_CHECK(look_at(std::move(queries)));
      if (options_.progress != nullptr) options_.progress->update(end, table_.size(), "");
    }
    HOLISAFE_CHECK(join_flat());
    join_grey();
    return clusters();
  }

 private:
  /// A picture, its proposals, and how far they have been looked at.
  struct Query {
    std::uint32_t number = 0;
    std::vector<LowFrequencyTable::Near> proposals;
    std::size_t next = 0;
    std::vector<std::uint32_t> grey_matches;
  };
  /// What two pictures were found to be.
  struct Compared {
    Agreement agreement;
    bool first_grey = false;
    bool second_grey = false;
  };
  struct Comparing {
    Query* query = nullptr;
    std::uint32_t other = 0;
    Result<Compared> found;
  };
  /// A match that colour does not confirm.
  struct GreyMatch {
    std::uint32_t grey = 0;
    std::uint32_t coloured = 0;
    float difference = 0;
  };

  Result<Compared> compare_two(std::uint32_t first, std::uint32_t second) {
    HOLISAFE_TRY(const auto a, pictures_.get(first));
    HOLISAFE_TRY(const auto b, pictures_.get(second));
    const Agreement found = first < second ? compare(*a, *b) : compare(*b, *a);
    return Compared{found, a->grey(), b->grey()};
  }

  /// What pictures from `begin` to `end` are looked for as.
  Result<std::vector<SeenFrequencies>> seen(std::size_t begin, std::size_t end) {
    std::vector<SeenFrequencies> out(end - begin);
    std::vector<Result<void>> read(out.size());
    for_each_on_threads(out.size(), options_.threads, [&](std::size_t i) {
      if (table_.at(begin + i).flat()) return;  // and so is what is left of it, which finds nothing
      const auto sketch = sketch_of_(begin + i);
      if (!sketch) {
        read[i] = fail(sketch.error());
        return;
      }
      out[i] = seen_frequencies(luma_of(*sketch));
    });
    for (const Result<void>& one : read) HOLISAFE_CHECK(one);
    return out;
  }

  Result<std::vector<Query>> proposals(std::size_t begin, std::size_t end) {
    std::vector<Query> out(end - begin);
    if (table_.size() < options_.indexed_from) {
      HOLISAFE_TRY(const auto wanted, seen(begin, end));
      for_each_on_threads(out.size(), options_.threads, [&](std::size_t i) {
        out[i].proposals = table_.nearest({static_cast<std::uint32_t>(begin + i), wanted[i]},
                                          options_.proposals, options_.least_nearness);
      });
    } else {
      if (begin % lookup_size == 0) {
        HOLISAFE_TRY(const auto wanted, seen(begin, std::min(begin + lookup_size, table_.size())));
        looked_up_ = LowFrequencyIndex(table_).nearest(static_cast<std::uint32_t>(begin), wanted,
                                                       {options_.proposals, options_.least_nearness},
                                                       options_.threads);
      }
      for (std::size_t i = 0; i < out.size(); ++i)
        out[i].proposals = std::move(looked_up_[begin % lookup_size + i]);
    }
    for (std::size_t i = 0; i < out.size(); ++i) out[i].number = static_cast<std::uint32_t>(begin + i);
    return out;
  }

  /// Proposals of some pictures, one of each at a time, until none is left.
  Result<void> look_at(std::vector<Query> queries) {
    while (true) {
      std::vector<Comparing> round;
      for (Query& query : queries) {
        if (const auto other = next_of(query)) round.push_back({&query, *other, Compared{}});
      }
      if (round.empty()) return {};
      for_each_on_threads(round.size(), options_.threads, [&](std::size_t i) {
        round[i].found = compare_two(round[i].query->number, round[i].other);
      });
      for (const Comparing& one : round) HOLISAFE_CHECK(take(one));
    }
  }

  /// The nearest picture that the query's is not known to be one with.
  std::optional<std::uint32_t> next_of(Query& query) {
    while (query.next < query.proposals.size()) {
      const std::uint32_t other = query.proposals[query.next++].number;
      const std::uint32_t set = sets_.find(other);
      const auto& greys = query.grey_matches;
      const bool matched = std::any_of(greys.begin(), greys.end(),
                                       [&](std::uint32_t grey) { return sets_.find(grey) == set; });
      if (set != sets_.find(query.number) && !matched) return other;
    }
    return std::nullopt;
  }

  Result<void> take(const Comparing& one) {
    HOLISAFE_TRY(const Compared both, one.found);
    const Agreement& found = both.agreement;
    if (!found.same) return {};
    if (!found.across_grey) {
      sets_.join(one.query->number, one.other);
      coloured_[one.query->number] = !both.first_grey;
      coloured_[one.other] = !both.second_grey;
      return {};
    }
    one.query->grey_matches.push_back(one.other);
    if (both.first_grey)
      grey_matches_.push_back({one.query->number, one.other, found.luma_difference});
    else
      grey_matches_.push_back({one.other, one.query->number, found.luma_difference});
    return {};
  }

  /// Pictures of one luma have no frequencies to be found by: those of nearly the same mean colour are
  /// compared.
  Result<void> join_flat() {
    using Colour = std::array<int, 3>;
    constexpr int reach = 4;
    std::map<Colour, std::uint32_t> first_of_colour;
    for (std::size_t i = 0; i < table_.size(); ++i) {
      if (!table_.at(i).flat()) continue;
      const auto number = static_cast<std::uint32_t>(i);
      HOLISAFE_TRY(const PixelSketch sketch, sketch_of_(i));
      const Colour colour = mean_colour(sketch);
      for (auto near = first_of_colour.lower_bound({colour[0] - reach, INT_MIN, INT_MIN});
           near != first_of_colour.end() && near->first[0] <= colour[0] + reach; ++near) {
        if (std::abs(near->first[1] - colour[1]) > reach || std::abs(near->first[2] - colour[2]) > reach)
          continue;
        HOLISAFE_TRY(const Compared found, compare_two(number, near->second));
        if (found.agreement.same) sets_.join(number, near->second);
      }
      first_of_colour.try_emplace(colour, number);
    }
    return {};
  }

  /// Luma and chroma in whole steps.
  static std::array<int, 3> mean_colour(const PixelSketch& sketch) {
    const auto mean = [](const auto& values) {
      return static_cast<double>(std::accumulate(values.begin(), values.end(), 0)) /
             static_cast<double>(values.size());
    };
    const double luma =
        static_cast<double>(sketch.darkest) + static_cast<double>(sketch.luma_step) * mean(sketch.luma);
    return {static_cast<int>(std::lround(luma)), static_cast<int>(std::lround(mean(sketch.blue))),
            static_cast<int>(std::lround(mean(sketch.red)))};
  }

  /// A grey set joins the nearest of the colourings that half of it matches: what a single one of many
  /// copies is like, a paler one say, is another picture. What has a picture of faint colours, which is as
  /// good as grey, among its own has its colouring. Colourings of one luma are told apart by nothing: of
  /// those, the one that there are most copies of.
  void join_grey() {
    std::vector<bool> set_coloured(table_.size());
    std::vector<std::uint32_t> set_size(table_.size());
    for (std::uint32_t i = 0; i < table_.size(); ++i) {
      const std::uint32_t set = sets_.find(i);
      if (coloured_[i]) set_coloured[set] = true;
      ++set_size[set];
    }
    struct Colouring {
      float difference = std::numeric_limits<float>::max();
      std::set<std::uint32_t> matching;  // of the grey set
    };
    std::map<std::pair<std::uint32_t, std::uint32_t>, Colouring> colourings;  // by grey and coloured set
    for (const GreyMatch& match : grey_matches_) {
      const std::uint32_t grey = sets_.find(match.grey);
      if (set_coloured[grey]) continue;
      Colouring& found = colourings[{grey, sets_.find(match.coloured)}];
      found.difference = std::min(found.difference, match.difference);
      found.matching.insert(match.grey);
    }
    constexpr float least_told = 1;  // of luma, a step
    using Rank = std::tuple<float, std::int64_t, float, std::uint32_t>;
    std::map<std::uint32_t, Rank> nearest;  // by grey set
    for (const auto& [sets, colouring] : colourings) {
      if (2 * colouring.matching.size() < set_size[sets.first]) continue;
      const Rank found{std::max(colouring.difference, least_told), -std::int64_t{set_size[sets.second]},
                       colouring.difference, sets.second};
      const auto [place, added] = nearest.try_emplace(sets.first, found);
      if (!added) place->second = std::min(place->second, found);
    }
    for (const auto& [grey, found] : nearest) sets_.join(grey, std::get<std::uint32_t>(found));
  }

  std::vector<PictureCluster> clusters() {
    std::map<std::uint32_t, PictureCluster> by_first;
    for (std::uint32_t i = 0; i < table_.size(); ++i) {
      const std::uint32_t first = sets_.find(i);
      if (first == i) continue;
      PictureCluster& cluster = by_first[first];
      if (cluster.empty()) cluster.push_back(first);
      cluster.push_back(i);
    }
    std::vector<PictureCluster> out;
    for (auto& [first, cluster] : by_first) out.push_back(std::move(cluster));
    return out;
  }

  const LowFrequencyTable& table_;
  const SketchSource& sketch_of_;
  NearDuplicateOptions options_;
  ComparablePictures pictures_;
  PictureSets sets_;
  std::vector<bool> coloured_;  ///< of those that were joined
  std::vector<GreyMatch> grey_matches_;
  std::vector<std::vector<LowFrequencyTable::Near>> looked_up_;
};

}  // namespace

Result<std::vector<PictureCluster>> find_near_duplicates(const LowFrequencyTable& table,
                                                         const SketchSource& sketch_of,
                                                         const NearDuplicateOptions& options) {
  return NearDuplicateSearch(table, sketch_of, options).run();
}

}  // namespace holisafe::image
