#include "http/retry.h"

#include <vector>

#include <gtest/gtest.h>

namespace holisafe::http {
namespace {

TEST(RateWindow, NoMoreThanSoManyInAnyMinute) {
  RateWindow window(3);
  const auto start = Clock::now();
  std::vector<Clock::time_point> sent;
  auto now = start;
  for (int i = 0; i < 20; ++i) {
    now = window.next(now) + milliseconds(i % 3);
    window.sent(now);
    sent.push_back(now);
  }
  for (std::size_t i = 3; i < sent.size(); ++i) EXPECT_GT(sent[i] - sent[i - 3], std::chrono::minutes(1));
}

TEST(AskedWait, IsReadInEveryForm) {
  using Fields = std::vector<std::pair<std::string, std::string>>;
  const auto wait = [](const Fields& fields, std::int64_t seconds = 0, bool turned_away = true) {
    return asked_wait(fields, seconds, turned_away).count();
  };
  EXPECT_EQ(wait({}), 0);
  EXPECT_EQ(wait({}, 3), 3000);
  EXPECT_EQ(wait({}, 9'000'000'000'000'000), 100'000'000);
  EXPECT_EQ(wait({{"retry-after-ms", "1500"}}, 3), 1500);
  EXPECT_EQ(wait({{"retry-after-ms", "12.5"}}), 13);
  for (const char* bad : {"", "x", "-5", "nan", "inf"})
    EXPECT_EQ(wait({{"retry-after-ms", bad}}, 2), 2000) << bad;
  const std::string reset = "x-ratelimit-reset-requests";
  EXPECT_EQ(wait({{reset, "1.5s"}}), 1500);
  EXPECT_EQ(wait({{reset, "2"}}), 2000);
  EXPECT_EQ(wait({{reset, "250ms"}}), 250);
  EXPECT_EQ(wait({{reset, "1m2.5s"}}), 62'500);
  EXPECT_EQ(wait({{reset, "6h0m0s"}}), 0);  // a limit of a day
  EXPECT_EQ(wait({{reset, "2025-01-01T00:00:00Z"}}), 0);
  EXPECT_EQ(wait({{reset, "1.5s"}}, 0, false), 0);
  EXPECT_EQ(wait({{reset, "1.5s"}}, 4), 4000);
  EXPECT_EQ(wait({{reset, "1s"}, {"x-ratelimit-reset-tokens", "3s"}}), 3000);
  EXPECT_EQ(wait({{reset, "1s"},
                  {"x-ratelimit-remaining-requests", "0"},
                  {"x-ratelimit-reset-tokens", "3s"},
                  {"x-ratelimit-remaining-tokens", "99"}}),
            1000);
}

}  // namespace
}  // namespace holisafe::http
