// Questions under way: admits them, runs steps over them, and frees what they held.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/error.h"
#include "schedule/admission.h"
#include "schedule/block_budget.h"
#include "schedule/counts.h"
#include "schedule/executor.h"
#include "schedule/prefix_table.h"
#include "schedule/step_plan.h"
#include "schedule/ticket.h"

namespace holisafe::schedule {

/// Used by one thread, the scheduler's. What an executor throws ends all that is under way with the error
/// internal (out_of_memory for what could not be allocated), and no prefix is kept.
class Sequences {
 public:
  /// Hears what came of a question; with `end` it is no longer under way. Must not throw, nor call this
  /// object.
  using Tell = std::function<void(Ticket, Outcome)>;

  /// `executor` outlives this. `most` run at once.
  Sequences(Executor& executor, std::size_t most, std::uint64_t cache_bytes, Tell tell);

  [[nodiscard]] bool empty() const { return running_.empty(); }
  /// Whether it could begin now.
  [[nodiscard]] bool has_room_for(const Ready& ready);
  /// Only where it could; takes part from the next step.
  void admit(Ticket ticket, Ready ready);
  /// Leaves now, with its blocks; nothing is told. Unknown tickets are those that have ended.
  void drop(Ticket ticket);
  /// One step over all; none under way: nothing.
  void step();
  /// Forgets everything, prefixes too; nothing is told.
  void clear();

  /// Fills in what this knows.
  void count(Counts& counts) const;

 private:
  struct Sequence {
    Ticket ticket;
    std::unique_ptr<Prepared> prepared;
    std::uint64_t blocks = 0;              ///< its own
    PrefixTable::Entry* prefix = nullptr;  ///< null: it shares nothing
    bool joined = false;
    bool over = false;
    std::size_t next_stage = 0;  ///< of its own
    std::int64_t tokens = 0;     ///< decoded
  };

  void run_step();
  void join_all();
  void begin_prefix(Sequence& reader);
  [[nodiscard]] static std::optional<Next> next_of(const Sequence& sequence);
  void take(Sequence& sequence, const Next& next, Outcome outcome);
  void take_prefix_stage(Sequence& reader, Outcome outcome);
  void pass_on(Sequence& sequence, Outcome outcome);
  void leave(Sequence& sequence);
  void sweep();
  void give_up(const Error& error);

  Executor& executor_;
  std::size_t most_;
  Tell tell_;
  BlockBudget budget_;
  PrefixTable table_;
  std::vector<Sequence> running_;  ///< in the order of admission
  Counts counts_;                  ///< steps, tokens, prefixes, peak
};

}  // namespace holisafe::schedule
