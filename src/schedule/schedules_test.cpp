// Many random schedules, and many questions one behind the other.
#include <atomic>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "schedule/scheduler.h"
#include "schedule/stub_executor.h"
#include "schedule/stub_listener.h"

namespace holisafe::schedule {
namespace {

using testing::IsEmpty;
using Random = std::mt19937;

int draw(Random& random, int least, int most) { return std::uniform_int_distribution(least, most)(random); }

StubQuestion draw_question(Random& random, int id) {
  StubQuestion out{.id = id};
  const int image = draw(random, 0, 5);
  if (image > 0) out.image = std::to_string(image);
  out.prefix_stages = image % 3;
  out.own_stages = draw(random, 0, 3);
  out.tokens = draw(random, 1, 8);
  out.most_new_tokens = out.tokens + draw(random, 0, 4);
  return out;
}

/// One of several clients at once.
class Client {
 public:
  Client(Scheduler& scheduler, unsigned seed, int first_id)
      : scheduler_(scheduler), random_(seed), first_id_(first_id) {}

  /// Asks, and cancels now and then.
  void run() {
    for (int i = 0; i < 8; ++i) {
      Asked& asked = asked_.emplace_back();
      asked.what = draw_question(random_, first_id_ + i);
      asked.listener = std::make_shared<StubListener>();
      const auto ticket = scheduler_.enqueue(asked.what.question(), asked.listener);
      ASSERT_TRUE(ticket);
      asked.ticket = *ticket;
      for (int pause = draw(random_, 0, 20); pause > 0; --pause) std::this_thread::yield();
      Asked& other = asked_[static_cast<std::size_t>(draw(random_, 0, i))];
      if (draw(random_, 0, 2) > 0 || other.cancelled) continue;
      scheduler_.cancel(other.ticket);
      other.cancelled = true;
      other.text = other.listener->text();
    }
  }
  void check() {
    for (Asked& asked : asked_) {
      const std::string answer = asked.what.answer();
      EXPECT_FALSE(asked.listener->out_of_order());
      if (asked.cancelled) {
        EXPECT_EQ(asked.listener->text(), asked.text);  // nothing since
        EXPECT_TRUE(answer.starts_with(asked.text));
        continue;
      }
      const auto reply = asked.listener->wait();
      ASSERT_TRUE(reply) << reply.error().message();
      EXPECT_EQ(reply->text, answer);
      EXPECT_EQ(asked.listener->text(), answer);
      EXPECT_EQ(asked.listener->verdicts(), asked.what.image == "-" ? 0 : 1);
    }
  }

 private:
  struct Asked {
    StubQuestion what;
    std::shared_ptr<StubListener> listener;
    Ticket ticket;
    bool cancelled = false;
    std::string text;  ///< that had come when it was cancelled
  };
  Scheduler& scheduler_;
  Random random_;
  int first_id_;
  std::vector<Asked> asked_;
};

TEST(Schedules, EveryTokenIsTheOneAloneInRandomOnes) {
  std::uint64_t evicted = 0;
  std::uint64_t hits = 0;
  std::uint64_t cancelled = 0;
  for (unsigned seed = 0; seed < 200; ++seed) {
    Random random(seed);
    const int blocks = draw(random, 6, 24);
    const auto stub = std::make_shared<StubExecutor>(blocks);
    // Long enough that clients come and go meanwhile.
    stub->on_run = [](auto) { std::this_thread::sleep_for(std::chrono::microseconds(20)); };
    {
      Scheduler scheduler(stub, {.sequences = static_cast<std::size_t>(draw(random, 1, 8)),
                                 .cache_bytes = static_cast<std::uint64_t>(blocks) * 32,
                                 .prepare_threads = draw(random, 1, 3),
                                 .prepared_ahead = static_cast<std::size_t>(draw(random, 1, 6))});
      std::vector<Client> clients;
      for (unsigned i = 0; i < 3; ++i)
        clients.emplace_back(scheduler, seed * 3 + i, static_cast<int>(i) * 100);
      std::vector<std::thread> threads;
      threads.reserve(clients.size());
      for (Client& client : clients) threads.emplace_back([&client] { client.run(); });
      for (std::thread& thread : threads) thread.join();
      for (Client& client : clients) client.check();
      const Counts counts = scheduler.counts();
      evicted += counts.prefixes_evicted;
      hits += counts.prefix_hits;
      cancelled += counts.cancelled;
    }
    ASSERT_THAT(stub->broken(), IsEmpty()) << "seed " << seed;
    ASSERT_EQ(stub->live(), 0) << "seed " << seed;
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
  // That these were tried.
  EXPECT_GT(evicted, 100U);
  EXPECT_GT(hits, 100U);
  EXPECT_GT(cancelled, 100U);
}

// AddressSanitizer keeps what was freed for a while, and looks itself for what was not.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool keeps_freed = true;
#elif defined(__has_feature)
constexpr bool keeps_freed = __has_feature(address_sanitizer);
#else
constexpr bool keeps_freed = false;
#endif

std::int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::int64_t all = 0;
  std::int64_t resident = 0;
  file >> all >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

TEST(Schedules, TenThousandQuestionsLeaveNothingBehind) {
  constexpr int questions = 10'000;
  constexpr int settled = 2'000;
  const auto stub = std::make_shared<StubExecutor>(64);
  Scheduler scheduler(stub, {.cache_bytes = 64 * 32});
  Random random(1);
  std::int64_t before = 0;
  int asked = 0;
  int answered = 0;
  while (asked < questions || scheduler.pending() > 0) {
    for (; asked < questions && scheduler.has_room(); ++asked) {
      StubQuestion question = draw_question(random, asked);
      // An image of its own each time, so that tables would grow.
      question.image = asked % 2 == 0 ? "-" : std::to_string(asked);
      scheduler.submit(asked, question.question());
      if (asked % 10 == 0) scheduler.cancel(chat::Key{asked});
      if (asked == settled) before = resident_bytes();
    }
    for (const auto& [key, reply] : scheduler.poll(chat::milliseconds(100))) {
      ASSERT_TRUE(reply) << reply.error().message();
      ++answered;
    }
  }
  EXPECT_EQ(answered, questions * 9 / 10);
  EXPECT_TRUE(keeps_freed || resident_bytes() - before < (16 << 20)) << resident_bytes() - before;
  scheduler.drop_all();
  for (int i = 0; i < 5000 && scheduler.counts().running > 0; ++i)
    std::this_thread::sleep_for(chat::milliseconds(1));
  const Counts counts = scheduler.counts();
  EXPECT_EQ(counts.queued, 0U);
  EXPECT_EQ(counts.running, 0U);
  EXPECT_EQ(counts.submitted, 10'000U);
  EXPECT_EQ(counts.answered + counts.cancelled, 10'000U);
  EXPECT_EQ(counts.failed, 0U);
  EXPECT_EQ(static_cast<std::uint64_t>(stub->live()),
            counts.prefixes);  // those that stay while there is room
  EXPECT_LE(counts.blocks_used, 64U);
  EXPECT_THAT(stub->broken(), IsEmpty());
}

}  // namespace
}  // namespace holisafe::schedule
