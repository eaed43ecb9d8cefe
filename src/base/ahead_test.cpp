#include "base/ahead.h"

#include <atomic>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace holisafe {
namespace {

TEST(Ahead, GivesResultsInTheOrderOfWhatWasPushed) {
  for (const int threads : {1, 4}) {
    Ahead<int, std::string> ahead([](int number) { return std::to_string(number * number); }, threads);
    for (int i = 0; i < 200; ++i) ahead.push(i);
    ahead.end();
    for (int i = 0; i < 200; ++i) EXPECT_EQ(ahead.next(), std::to_string(i * i));
    EXPECT_EQ(ahead.next(), std::nullopt);
    EXPECT_EQ(ahead.waiting(), 0U);
  }
}

TEST(Ahead, WorksOnlyAsFarAheadAsItMay) {
  Ahead<int, int> ahead([](int number) { return number; }, 3, 2);
  std::atomic<int> pushed{0};
  std::thread pushing([&] {
    while (pushed < 50 && ahead.wait_for_room()) ahead.push(pushed++);
    ahead.end();
  });
  int given = 0;
  while (const auto next = ahead.next()) {
    EXPECT_EQ(*next, given++);
    EXPECT_LE(pushed, given + 2);
  }
  EXPECT_EQ(given, 50);
  pushing.join();
}

TEST(Ahead, WhatWorkThrowsComesInItsPlace) {
  Ahead<int, int> ahead(
      [](int number) {
        if (number == 1) throw std::runtime_error("one");
        return number;
      },
      2);
  for (int i = 0; i < 3; ++i) ahead.push(i);
  EXPECT_EQ(ahead.next(), 0);
  EXPECT_THROW(ahead.next(), std::runtime_error);
  EXPECT_EQ(ahead.next(), 2);
}

TEST(Ahead, StopsWhenAskedAndWhenClosed) {
  std::atomic<bool> go{false};
  Ahead<int, int> ahead(
      [&go](int number) {
        while (!go) std::this_thread::yield();
        return number;
      },
      1, 1);
  ahead.push(1);
  StopFlag stop;
  stop.request();
  EXPECT_EQ(ahead.next(&stop), std::nullopt);
  std::thread pushing([&ahead] { EXPECT_FALSE(ahead.wait_for_room()); });
  ahead.close();
  pushing.join();
  go = true;
}

TEST(InOrder, WhateverIsReadyFirst) {
  std::vector<std::promise<int>> promises(5);
  InOrder<int> results;
  for (auto& promise : promises) results.push(promise.get_future());
  results.end();
  EXPECT_EQ(results.waiting(), 5U);
  std::thread keeping([&promises] {
    for (int i = 4; i >= 0; --i) promises[static_cast<std::size_t>(i)].set_value(i);
  });
  for (int i = 0; i < 5; ++i) EXPECT_EQ(results.next(), i);
  EXPECT_EQ(results.next(), std::nullopt);
  keeping.join();
}

}  // namespace
}  // namespace holisafe
