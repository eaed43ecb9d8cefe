// Questions that have come and were not admitted yet, in the order in which they came.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/result.h"
#include "schedule/admission.h"
#include "schedule/request.h"
#include "schedule/ticket.h"

namespace holisafe::schedule {

/// Which are made ready, and which comes next. Has no lock of its own: its owner's guards it.
class WaitingLine {
 public:
  /// At most `ahead` are ready, or being made so, at a time.
  explicit WaitingLine(std::size_t ahead) : ahead_(ahead) {}

  [[nodiscard]] std::size_t size() const { return line_.size(); }
  void push(std::shared_ptr<Request> request);

  /// The next that is to be made ready, which is then under way; null: none, or enough are.
  std::shared_ptr<Request> begin_next();
  /// What came of it: moved from, unless the question has left the line.
  void keep(Ticket ticket, Result<Ready>& ready);

  /// The first in line where it is ready, else null: nobody overtakes it.
  [[nodiscard]] const Ready* first() const;
  /// Takes that first one.
  std::pair<std::shared_ptr<Request>, Ready> take_first();

  using Failed = std::pair<std::shared_ptr<Request>, Error>;
  [[nodiscard]] bool has_failed() const { return failed_ > 0; }
  /// Takes those that could not be made ready.
  std::vector<Failed> take_failed();

  /// Takes one; null: it is not in line. What was made ready of it is dropped.
  std::shared_ptr<Request> take(Ticket ticket);
  /// Takes those whose deadline has passed, or who have waited longer than they may.
  std::vector<std::shared_ptr<Request>> take_late(Clock::time_point now);
  std::vector<std::shared_ptr<Request>> take_all();
  /// The earliest deadline.
  [[nodiscard]] std::optional<Clock::time_point> first_deadline() const;

 private:
  struct Waiting {
    std::shared_ptr<Request> request;
    bool begun = false;
    std::optional<Result<Ready>> ready = {};
  };
  using Line = std::map<Ticket, Waiting>;

  /// The place behind it.
  Line::iterator erase(Line::iterator place);

  std::size_t ahead_;
  Line line_;
  std::size_t begun_ = 0;   ///< of those in line
  std::size_t failed_ = 0;  ///< of those in line
};

}  // namespace holisafe::schedule
