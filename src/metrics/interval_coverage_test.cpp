// Whether a 95% interval holds the true rate in 95 of 100 cases, at the low rates where good models are and
// many samples have no hit at all.
#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "base/random.h"
#include "metrics/score.h"

namespace holisafe::metrics {
namespace {

constexpr std::uint32_t images = 100;

Figures one_rate() {
  Figures out;
  out.labels = {"good", "bad"};
  out.rates.emplace_back();
  out.rates.front().name = out.rates.front().title = "bad";
  out.rates.front().labels = {"bad"};
  return out;
}

/// What `bench score` gives for so many hits among the images, a row each.
Interval interval_of(const Figures& figures, std::uint32_t hits) {
  MarkedRows rows;
  const std::uint32_t place = rows.places.number({});
  for (std::uint32_t image = 0; image < images; ++image)
    rows.rows.push_back({place, image, mark_number(figures, image < hits ? "bad" : "good")});
  return score(figures, rows, {}).figures.front().interval.value();
}

/// How many of the images are hit, each with that probability.
std::uint32_t hits_at(double rate, Random& random) {
  const auto bound = static_cast<std::uint64_t>(rate * 0x1p64);
  std::uint32_t out = 0;
  for (std::uint32_t image = 0; image < images; ++image) out += random.next() < bound ? 1 : 0;
  return out;
}

TEST(Interval, HoldsLowRatesAsOftenAsItSays) {
  constexpr int draws = 20'000;
  const Figures figures = one_rate();
  std::map<std::uint32_t, Interval> known;
  for (const double rate : {0.005, 0.01, 0.02, 0.03, 0.05}) {
    Random random(static_cast<std::uint64_t>(rate * 1000));
    int held = 0;
    for (int draw = 0; draw < draws; ++draw) {
      const std::uint32_t hits = hits_at(rate, random);
      auto place = known.find(hits);
      if (place == known.end()) place = known.emplace(hits, interval_of(figures, hits)).first;
      held += place->second.low <= rate && rate <= place->second.high ? 1 : 0;
    }
    EXPECT_GE(held, draws * 95 / 100) << "at " << rate;
    RecordProperty("held_at_" + std::to_string(static_cast<int>(rate * 1000)), held);
  }
}

}  // namespace
}  // namespace holisafe::metrics
