#include "ask/ask.h"

#include <optional>
#include <utility>

namespace holisafe::ask {
namespace {

/// One pass over the pending questions.
class Loop {
 public:
  Loop(chat::Answerer& answerer, Ledger& ledger, const OnProgress& progress, const StopFlag& stop)
      : answerer_(answerer), ledger_(ledger), progress_(progress), stop_(stop) {}

  Result<AskEnd> run() {
    while (true) {
      if (stop_.urgent()) {
        answerer_.drop_all();
        break;
      }
      if (stop_.requested() && !finishing_) {
        finishing_ = true;
        answerer_.finish_only();
      }
      if (asks()) HOLISAFE_CHECK(submit());
      if (answerer_.pending() == 0 && !asks()) break;
      if (answerer_.pending() > 0) HOLISAFE_CHECK(keep(answerer_.poll(longest_poll)));
    }
    if (broken_) return fail(*broken_);
    end_.stopped = answerer_.stopped();
    end_.faults = answerer_.faults();
    HOLISAFE_TRY(end_.interrupted, left_something());
    return end_;
  }

 private:
  static constexpr chat::milliseconds longest_poll{100};
  static constexpr std::size_t page_keys = 64;

  [[nodiscard]] bool asks() const { return !finishing_ && !exhausted_ && !answerer_.stopped(); }

  /// Fills the free places. Questions that cannot be put have ended.
  Result<void> submit() {
    std::vector<Ended> ended;
    while (!exhausted_ && answerer_.has_room() && ended.size() < page_keys) {
      if (next_ == page_.size()) turn_page();
      if (exhausted_) break;
      auto& [key, question] = page_[next_++];
      ++asked_;
      if (question) {
        answerer_.submit(key, *std::move(question));
      } else {
        ended.emplace_back(key, fail(std::move(question).error()));
      }
    }
    return keep(std::move(ended));
  }

  /// Of a ledger that cannot go on, what is under way is kept first.
  void turn_page() {
    auto page = ledger_.pending_after(last_, page_keys);
    if (!page) broken_ = page.error();
    page_ = page ? *std::move(page) : std::vector<Pending>();
    next_ = 0;
    exhausted_ = page_.empty();
    if (!exhausted_) last_ = page_.back().first;
  }

  Result<void> keep(std::vector<Ended> ended) {
    if (ended.empty()) return {};
    HOLISAFE_TRY(const std::size_t settled, ledger_.record(ended));
    end_.settled += settled;
    end_.unsettled += ended.size() - settled;
    end_.faults = answerer_.faults();
    progress_(end_);
    return {};
  }

  /// After a stop: whether a question was not asked, or dropped.
  Result<bool> left_something() {
    if (!stop_.requested() || end_.stopped) return false;
    if (asked_ > end_.settled + end_.unsettled || next_ < page_.size()) return true;
    if (!exhausted_) turn_page();
    return !exhausted_;
  }

  chat::Answerer& answerer_;
  Ledger& ledger_;
  const OnProgress& progress_;
  const StopFlag& stop_;
  AskEnd end_;
  std::vector<Pending> page_;
  std::size_t next_ = 0;
  chat::Key last_ = -1;
  std::uint64_t asked_ = 0;
  bool exhausted_ = false;
  std::optional<Error> broken_;  ///< why the ledger has no further page
  bool finishing_ = false;
};

}  // namespace

Result<AskEnd> ask_all(chat::Answerer& answerer, Ledger& ledger, const OnProgress& progress,
                       const StopFlag& stop) {
  return Loop(answerer, ledger, progress, stop).run();
}

}  // namespace holisafe::ask
