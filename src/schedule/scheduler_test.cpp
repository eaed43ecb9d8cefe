#include "schedule/scheduler.h"

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "schedule/stub_executor.h"
#include "schedule/stub_listener.h"

namespace holisafe::schedule {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

/// A scheduler over a stub whose steps may be held at a gate.
class Served {
 public:
  explicit Served(Limits limits = {}, bool gated = false, const StopFlag* stop = nullptr)
      : stub(std::make_shared<StubExecutor>(limits.cache_bytes / 32)) {
    if (!gated) gate.open();
    stub->on_run = [this](auto) { gate.pass(); };
    scheduler = std::make_unique<Scheduler>(stub, limits, stop);
  }
  ~Served() {
    gate.open();
    scheduler.reset();
    EXPECT_THAT(stub->broken(), IsEmpty());
    EXPECT_EQ(stub->live(), 0);
  }

  std::shared_ptr<StubListener> ask(const StubQuestion& asked, std::optional<milliseconds> deadline = {},
                                    std::optional<milliseconds> longest_wait = {}) {
    auto listener = std::make_shared<StubListener>();
    chat::Question question = asked.question();
    question.how.deadline = deadline;
    auto ticket = scheduler->enqueue(std::move(question), listener, longest_wait);
    if (ticket) {
      listener->ticket = *ticket;
    } else {
      listener->end(fail(ticket.error()));
    }
    return listener;
  }
  /// All that are under keys.
  std::map<chat::Key, Result<chat::Reply>> poll_all() {
    std::map<chat::Key, Result<chat::Reply>> out;
    while (scheduler->pending() > 0) {
      for (auto& [key, reply] : scheduler->poll(milliseconds(1000))) out.emplace(key, std::move(reply));
    }
    return out;
  }
  /// Waits until the counts are so.
  template <class Condition>
  void wait_until(Condition condition) {
    for (int i = 0; i < 5000 && !condition(scheduler->counts()); ++i)
      std::this_thread::sleep_for(milliseconds(1));
    EXPECT_TRUE(condition(scheduler->counts()));
  }

  Gate gate;
  std::shared_ptr<StubExecutor> stub;
  std::unique_ptr<Scheduler> scheduler;
};

TEST(Scheduler, GivesEachQuestionItsOwnAnswer) {
  Served served;
  std::map<int, StubListener> events;
  for (int id = 0; id < 40; ++id)
    served.scheduler->submit(id, StubQuestion{.id = id, .image = id % 3 == 0 ? "-" : "a"}.question(),
                             &events[id]);
  const auto replies = served.poll_all();
  ASSERT_EQ(replies.size(), 40U);
  for (const auto& [key, reply] : replies) {
    const auto id = static_cast<int>(key);
    ASSERT_TRUE(reply) << reply.error().message();
    EXPECT_EQ(reply->text, StubQuestion{.id = id}.answer());
    EXPECT_EQ(events[id].text(), reply->text);
    EXPECT_EQ(events[id].verdicts(), id % 3 == 0 ? 0 : 1);
    EXPECT_FALSE(events[id].out_of_order());
  }
  const Counts counts = served.scheduler->counts();
  EXPECT_EQ(counts.submitted, 40U);
  EXPECT_EQ(counts.answered, 40U);
  EXPECT_EQ(counts.queued, 0U);
  EXPECT_LE(counts.peak_running, 8U);
  served.wait_until([](const Counts& later) { return later.running == 0; });
  EXPECT_EQ(served.scheduler->poll(milliseconds(1000)).size(), 0U);  // at once: nothing is to come
}

TEST(Scheduler, AdmitsFirstComeFirstServedHoweverLongPreparingTakes) {
  Served served({.sequences = 2, .prepare_threads = 4});
  served.stub->on_prepare = [](int id) { std::this_thread::sleep_for(milliseconds(id % 4 == 0 ? 20 : 0)); };
  for (int id = 0; id < 12; ++id) served.scheduler->submit(id, StubQuestion{.id = id}.question());
  served.poll_all();
  EXPECT_THAT(served.stub->joined(), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
}

TEST(Scheduler, AFullQueueIsBusy) {
  Served served({.sequences = 1, .queue = 2}, true);
  const auto first = served.ask({.id = 1});
  served.gate.wait_for_somebody();
  EXPECT_TRUE(served.scheduler->has_room());
  const auto second = served.ask({.id = 2});
  served.scheduler->submit(3, StubQuestion{.id = 3}.question());
  EXPECT_FALSE(served.scheduler->has_room());
  EXPECT_EQ(served.ask({.id = 4})->error(), ErrorKind::busy);
  served.scheduler->submit(5, StubQuestion{.id = 5}.question());
  const auto replies = served.scheduler->poll(milliseconds(0));
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].first, 5);
  EXPECT_EQ(replies[0].second.error().kind, ErrorKind::busy);
  EXPECT_EQ(served.scheduler->counts().turned_away, 2U);
  served.gate.open();
  EXPECT_EQ(second->wait()->text, StubQuestion{.id = 2}.answer());
  EXPECT_TRUE(served.poll_all().at(3));
}

TEST(Scheduler, HasRoomForAsManyAsRunAndArePreparedAhead) {
  Served served({.sequences = 3, .prepared_ahead = 2}, true);
  int taken = 0;
  for (; served.scheduler->has_room() && taken < 100; ++taken)
    served.scheduler->submit(taken, StubQuestion{.id = taken}.question());
  EXPECT_EQ(taken, 5);
  served.gate.open();
  // Replies that were not polled count, so that no more is asked than is kept.
  served.wait_until([](const Counts& counts) { return counts.answered == 5; });
  EXPECT_FALSE(served.scheduler->has_room());
  EXPECT_EQ(served.poll_all().size(), 5U);
  EXPECT_TRUE(served.scheduler->has_room());
}

TEST(Scheduler, PreparesNoMoreThanItMay) {
  std::atomic<int> prepared = 0;
  Served served({.sequences = 1, .prepare_threads = 3, .prepared_ahead = 2}, true);
  served.stub->on_prepare = [&](int) { ++prepared; };
  for (int id = 0; id < 20; ++id) served.scheduler->submit(id, StubQuestion{.id = id}.question());
  served.gate.wait_for_somebody();
  std::this_thread::sleep_for(milliseconds(30));
  EXPECT_LE(prepared, 3);  // one runs
  served.gate.open();
  EXPECT_EQ(served.poll_all().size(), 20U);
}

TEST(Scheduler, ACacheSmallerThanOneRequestIsAnErrorWithBothSizes) {
  Served served({.cache_bytes = 3 * 32});
  const auto never = served.ask({.id = 1, .image = "a", .prefix_stages = 4});
  const auto fits = served.ask({.id = 2});
  EXPECT_EQ(never->error(), ErrorKind::too_large);
  EXPECT_EQ(never->wait().error().detail, "expected at most 96 bytes (--cache-memory), needs 192 bytes");
  EXPECT_TRUE(fits->wait());
}

TEST(Scheduler, WhatDoesNotFitNowWaits) {
  Served served({.cache_bytes = 4 * 32});
  std::vector<std::shared_ptr<StubListener>> listeners;
  for (int id = 0; id < 10; ++id)
    listeners.push_back(served.ask({.id = id, .image = id % 2 == 0 ? "a" : "b"}));
  for (const auto& listener : listeners) EXPECT_TRUE(listener->wait());
  EXPECT_EQ(served.scheduler->counts().blocks_peak, 4U);
  EXPECT_GE(served.scheduler->counts().prefixes_evicted, 8U);
}

TEST(Scheduler, OneImageFromEightClientsAtOnceIsReadOnce) {
  Served served;
  std::vector<std::shared_ptr<StubListener>> listeners(8);
  std::vector<std::thread> clients;
  for (int id = 0; id < 8; ++id)
    clients.emplace_back(
        [&, id] { listeners[static_cast<std::size_t>(id)] = served.ask({.id = id, .image = "a"}); });
  for (std::thread& client : clients) client.join();
  for (int id = 0; id < 8; ++id)
    EXPECT_EQ(listeners[static_cast<std::size_t>(id)]->wait()->text, StubQuestion{.id = id}.answer());
  EXPECT_EQ(served.stub->prefixes_opened(), 1);
  EXPECT_EQ(served.scheduler->counts().prefixes_read, 1U);
  EXPECT_EQ(served.scheduler->counts().prefix_hits, 7U);
}

TEST(Scheduler, ADeadlinePassesInTheQueueInPreparingAndBetweenTokens) {
  Gate preparing;
  Gate again;
  Served served({.sequences = 1, .prepared_ahead = 1}, true);
  served.stub->on_prepare = [&](int id) {
    if (id == 2) preparing.pass();
    if (id == 5) again.pass();
  };
  const auto running = served.ask({.id = 1, .tokens = 9, .most_new_tokens = 9}, milliseconds(1000));
  served.gate.wait_for_somebody();
  const auto prepared = served.ask({.id = 2}, milliseconds(1000));
  preparing.wait_for_somebody();
  const auto queued = served.ask({.id = 3}, milliseconds(1000));
  const auto in_time = served.ask({.id = 4}, milliseconds(600'000));
  std::this_thread::sleep_for(milliseconds(1100));
  served.gate.give();
  EXPECT_EQ(running->error(), ErrorKind::timeout);
  EXPECT_EQ(prepared->error(), ErrorKind::timeout);
  EXPECT_EQ(queued->error(), ErrorKind::timeout);
  preparing.open();
  served.gate.open();
  EXPECT_TRUE(in_time->wait());
  // While nothing runs, too.
  const auto alone = served.ask({.id = 5}, milliseconds(10));
  EXPECT_EQ(alone->error(), ErrorKind::timeout);
  again.open();
}

TEST(Scheduler, WhoIsNotAdmittedInTimeIsTurnedAway) {
  Served served({.sequences = 1}, true);
  const auto running = served.ask({.id = 1}, {}, milliseconds(60'000));
  served.gate.wait_for_somebody();
  const auto impatient = served.ask({.id = 2}, {}, milliseconds(20));
  const auto patient = served.ask({.id = 3}, {}, milliseconds(60'000));
  std::this_thread::sleep_for(milliseconds(30));
  served.gate.give();
  EXPECT_EQ(impatient->error(), ErrorKind::busy);
  served.gate.open();
  EXPECT_TRUE(running->wait());
  EXPECT_TRUE(patient->wait());
  EXPECT_EQ(served.scheduler->counts().failed, 1U);
  // Who was admitted heard of it, once and first.
  EXPECT_EQ(running->admissions(), 1);
  EXPECT_EQ(impatient->admissions(), 0);
  EXPECT_EQ(patient->admissions(), 1);
  EXPECT_FALSE(running->out_of_order() || patient->out_of_order());
}

TEST(Scheduler, WhoCancelsFreesTheirPlaceWithinOneStep) {
  Served served({.sequences = 1, .cache_bytes = 3 * 32}, true);
  const auto first = served.ask({.id = 1, .tokens = 30, .most_new_tokens = 30});
  served.gate.wait_for_somebody();
  const auto second = served.ask({.id = 2});
  const auto third = served.ask({.id = 3});
  served.scheduler->cancel(third->ticket);
  EXPECT_EQ(served.scheduler->counts().queued, 1U);
  served.scheduler->cancel(first->ticket);
  served.gate.give();  // the step that was running
  served.gate.wait_for_somebody();
  EXPECT_EQ(served.scheduler->counts().steps, 1U);
  EXPECT_THAT(served.stub->joined(), ElementsAre(1, 2));
  served.gate.open();
  EXPECT_TRUE(second->wait());
  EXPECT_FALSE(first->heard_anything() || third->heard_anything());
  EXPECT_EQ(served.scheduler->counts().cancelled, 2U);
}

TEST(Scheduler, AnEventMayCancelAndAsk) {
  Served served({}, true);
  std::shared_ptr<StubListener> next;
  StubListener events;
  // Itself by key, another by key, and a question of its own.
  events.on_text = [&] {
    served.scheduler->cancel(chat::Key{1});
    served.scheduler->cancel(chat::Key{2});
    if (next == nullptr) next = served.ask({.id = 7});
  };
  served.scheduler->submit(1, StubQuestion{.id = 1, .tokens = 30, .most_new_tokens = 30}.question(), &events);
  served.scheduler->submit(2, StubQuestion{.id = 2, .tokens = 30, .most_new_tokens = 30}.question());
  served.gate.open();
  EXPECT_THAT(served.poll_all(), IsEmpty());
  EXPECT_EQ(events.text(), StubQuestion{.id = 1}.token(0));
  served.wait_until([](const Counts& counts) { return counts.answered == 1; });
  EXPECT_EQ(next->wait()->text, StubQuestion{.id = 7}.answer());
  // An end, too.
  auto last = std::make_shared<StubListener>();
  last->on_end = [&] { next = served.ask({.id = 8}); };
  ASSERT_TRUE(served.scheduler->enqueue(StubQuestion{.id = 9}.question(), last));
  EXPECT_TRUE(last->wait());
  served.wait_until([](const Counts& counts) { return counts.answered == 3; });
}

TEST(Request, TellsNothingOnceItIsSilent) {
  const auto listener = std::make_shared<StubListener>();
  Request request({1}, {}, std::nullopt);
  request.hear(listener, listener);
  listener->on_text = [&] { request.silence(); };
  for (int i = 0; i < 2; ++i) request.tell([](chat::Events& events) { events.text("a"); });
  request.end(chat::Reply{});
  EXPECT_EQ(listener->text(), "a");
  EXPECT_EQ(listener->ends(), 0);
  EXPECT_EQ(listener.use_count(), 1);
}

TEST(Scheduler, WhoDropsWaitsForAnEventUnderWay) {
  using Drop = std::function<void(Scheduler&, Ticket)>;
  for (const Drop& drop : {Drop([](Scheduler&scheduler, Ticket ticket) { scheduler.cancel(ticket); }),
                           Drop([](Scheduler&scheduler, Ticket) { scheduler.cancel(chat::Key{1}); }),
                           Drop([](Scheduler&scheduler, Ticket) { scheduler.drop_all(); })}) {
    Gate gate;
    Served served;
    StubListener events;
    events.on_text = [&] { gate.pass(); };
    served.scheduler->submit(1, StubQuestion{.id = 1}.question(), &events);
    gate.wait_for_somebody();
    std::atomic<bool> returned = false;
    std::thread dropping([&] {
      drop(*served.scheduler, {1});
      returned = true;
    });
    while (served.scheduler->counts().cancelled == 0) std::this_thread::yield();
    std::this_thread::sleep_for(milliseconds(20));
    EXPECT_FALSE(returned);
    gate.open();
    dropping.join();
    EXPECT_EQ(events.text(), StubQuestion{.id = 1}.token(0));
    EXPECT_EQ(served.scheduler->pending(), 0U);
  }
}

TEST(Scheduler, NoEndComesAfterACancel) {
  Gate gate;
  Served served;
  auto first = std::make_shared<StubListener>();
  first->on_end = [&] { gate.pass(); };
  ASSERT_TRUE(served.scheduler->enqueue(StubQuestion{.id = 1, .fault = "prepare"}.question(), first));
  gate.wait_for_somebody();  // the scheduler's thread is held up, with more ends to tell after it
  const auto second = served.ask({.id = 2});
  const auto third = served.ask({.id = 3});
  served.scheduler->finish_only();
  served.scheduler->cancel(second->ticket);
  gate.open();
  EXPECT_EQ(third->error(), ErrorKind::cancelled);
  EXPECT_EQ(second->ends(), 0);
}

TEST(Scheduler, AListenerHearsWhatAVerdictWasMadeFrom) {
  Served served;
  const auto listener = served.ask({.id = 4, .image = "a"});
  const auto none = served.ask({.id = 5});
  ASSERT_TRUE(listener->wait());
  ASSERT_TRUE(none->wait());
  ASSERT_EQ(listener->grounds().size(), 1U);
  EXPECT_EQ(listener->grounds().front().images.at(0).width, 4);
  EXPECT_THAT(listener->grounds().front().pooled, ElementsAre(1, 2));
  EXPECT_FALSE(listener->out_of_order());
  EXPECT_TRUE(none->grounds().empty());
}

TEST(Scheduler, AVerdictMayStopTheRest) {
  Served served;
  StubListener events;
  events.on_verdict = [&] { served.scheduler->cancel(chat::Key{1}); };
  served.scheduler->submit(1, StubQuestion{.id = 1, .image = "a"}.question(), &events);
  EXPECT_THAT(served.poll_all(), IsEmpty());
  EXPECT_EQ(events.verdicts(), 1);
  EXPECT_EQ(served.scheduler->counts().tokens, 0U);
}

TEST(Scheduler, FinishOnlyDropsWhatHasNotBegun) {
  Served served({.sequences = 1}, true);
  for (int id = 0; id < 6; ++id) served.scheduler->submit(id, StubQuestion{.id = id}.question());
  const auto listener = served.ask({.id = 6});
  served.gate.wait_for_somebody();
  served.scheduler->finish_only();
  EXPECT_EQ(served.scheduler->pending(), 1U);
  EXPECT_EQ(served.scheduler->counts().queued, 0U);
  served.gate.open();
  const auto replies = served.poll_all();
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_TRUE(replies.at(0));
  EXPECT_EQ(listener->error(), ErrorKind::cancelled);
}

TEST(Scheduler, DropAllReturnsAtOnceAndNoReplyComes) {
  Served served({.sequences = 2}, true);
  auto events = std::make_unique<StubListener>();
  for (int id = 0; id < 6; ++id)
    served.scheduler->submit(id, StubQuestion{.id = id}.question(), events.get());
  served.gate.wait_for_somebody();
  served.scheduler->drop_all();
  EXPECT_EQ(served.scheduler->pending(), 0U);
  events.reset();  // nobody calls it any more
  served.scheduler->submit(1, StubQuestion{.id = 1}.question());
  served.gate.open();
  const auto replies = served.poll_all();
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies.at(1)->text, StubQuestion{.id = 1}.answer());
  const Counts counts = served.scheduler->counts();
  EXPECT_EQ(counts.submitted, 7U);
  EXPECT_EQ(counts.answered, 1U);
  EXPECT_EQ(counts.cancelled, 6U);
}

TEST(Scheduler, AnUrgentStopGivesEverythingUp) {
  StopFlag stop;
  Served served({.sequences = 1}, true, &stop);
  const auto running = served.ask({.id = 1});
  served.scheduler->submit(2, StubQuestion{.id = 2}.question());
  const auto queued = served.ask({.id = 3});
  served.gate.wait_for_somebody();
  stop.request();
  served.gate.give();
  served.gate.wait_for_somebody();  // asked once, it finishes what it has
  stop.request();
  served.gate.open();
  EXPECT_EQ(running->error(), ErrorKind::cancelled);
  EXPECT_EQ(queued->error(), ErrorKind::cancelled);
  EXPECT_THAT(served.poll_all(), IsEmpty());
  EXPECT_EQ(served.ask({.id = 4})->error(), ErrorKind::cancelled);
}

TEST(Scheduler, ErrorsAreTheQuestionsOwn) {
  Served served;
  const auto unreadable = served.ask({.id = 1, .fault = "prepare"});
  const auto thrown = served.ask({.id = 2, .fault = "prepare-throw"});
  const auto own = served.ask({.id = 3, .fault = "own"});
  const auto fine = served.ask({.id = 4});
  EXPECT_EQ(unreadable->error(), ErrorKind::malformed);
  EXPECT_EQ(thrown->error(), ErrorKind::internal);
  EXPECT_EQ(own->error(), ErrorKind::not_finite);
  EXPECT_TRUE(fine->wait());
  served.wait_until([](const Counts& counts) { return counts.running == 0; });
  EXPECT_EQ(served.scheduler->counts().failed, 3U);
}

TEST(Scheduler, AStepThatThrowsEndsWhatIsUnderWayAndTheNextGoOn) {
  Served served({.sequences = 1});
  const auto one = served.ask({.id = 1});
  const auto two = served.ask({.id = 2, .fault = "throw"});
  const auto three = served.ask({.id = 3});
  EXPECT_TRUE(one->wait());
  ASSERT_FALSE(two->wait());
  EXPECT_EQ(two->wait().error().detail, "a step threw");
  EXPECT_TRUE(three->wait());
}

TEST(Scheduler, AListenerThatThrowsIsCancelledAlone) {
  Served served;
  auto throwing = std::make_shared<StubListener>();
  throwing->on_text = [] { throw std::runtime_error("a listener threw"); };
  ASSERT_TRUE(served.scheduler->enqueue(StubQuestion{.id = 1}.question(), throwing));
  served.scheduler->submit(1, StubQuestion{.id = 1}.question(), throwing.get());
  EXPECT_TRUE(served.ask({.id = 2})->wait());
  EXPECT_THAT(served.poll_all(), IsEmpty());
  served.wait_until([](const Counts& counts) { return counts.cancelled == 2 && counts.running == 0; });
}

TEST(Scheduler, AKeyUnderWayIsNotTakenTwice) {
  Served served({}, true);
  served.scheduler->submit(1, StubQuestion{.id = 1}.question());
  served.scheduler->submit(1, StubQuestion{.id = 2}.question());
  EXPECT_EQ(served.scheduler->pending(), 2U);
  const auto refused = served.scheduler->poll(milliseconds(1000));
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].second.error().kind, ErrorKind::duplicate);
  served.gate.open();
  EXPECT_EQ(served.poll_all().at(1)->text, StubQuestion{.id = 1}.answer());
}

TEST(Scheduler, IsDestroyedWithWorkUnderWay) {
  std::vector<std::shared_ptr<StubListener>> listeners;
  StubListener events;
  {
    Served served({.sequences = 3}, true);
    for (int id = 0; id < 12; ++id)
      listeners.push_back(served.ask({.id = id, .image = id % 2 == 0 ? "a" : "b"}));
    served.scheduler->submit(1, StubQuestion{.id = 99}.question(), &events);
    served.gate.wait_for_somebody();
    std::thread opening([&] {
      std::this_thread::sleep_for(milliseconds(20));
      served.gate.open();
    });
    served.scheduler.reset();
    opening.join();
  }
  for (const auto& listener : listeners) EXPECT_EQ(listener->ends(), 1);
}

}  // namespace
}  // namespace holisafe::schedule
