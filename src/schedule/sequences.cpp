#include "schedule/sequences.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"
#include "schedule/caught.h"

namespace holisafe::schedule {
namespace {

Error broken(std::string detail) {
  return {ErrorKind::internal, "a step that went wrong", {}, std::move(detail)};
}

}  // namespace

Sequences::Sequences(Executor& executor, std::size_t most, std::uint64_t cache_bytes, Tell tell)
    : executor_(executor),
      most_(std::max<std::size_t>(most, 1)),
      tell_(std::move(tell)),
      budget_(blocks_in(cache_bytes, executor.bytes_per_position())) {}

bool Sequences::has_room_for(const Ready& ready) {
  return running_.size() < most_ &&
         has_blocks(ready.need, table_.find(ready.prepared->prefix_key), budget_, table_);
}

void Sequences::admit(Ticket ticket, Ready ready) {
  const std::string& key = ready.prepared->prefix_key;
  PrefixTable::Entry* prefix = table_.find(key);
  counts_.prefixes_evicted += reserve_blocks(ready.need, prefix, budget_, table_);
  if (prefix != nullptr) {
    table_.hold(*prefix);
    ++counts_.prefix_hits;
  } else if (!key.empty()) {
    prefix = &table_.add(key, ready.need.prefix, ready.prepared->prefix_stages.size());
  }
  running_.push_back(
      {.ticket = ticket, .prepared = std::move(ready.prepared), .blocks = ready.need.own, .prefix = prefix});
  counts_.peak_running = std::max(counts_.peak_running, running_.size());
}

void Sequences::drop(Ticket ticket) {
  const auto found = std::find_if(running_.begin(), running_.end(),
                                  [ticket](const Sequence& sequence) { return sequence.ticket == ticket; });
  if (found == running_.end()) return;
  leave(*found);
  running_.erase(found);
}

void Sequences::step() {
  try {
    run_step();
  } catch (...) {
    give_up(caught("a step that went wrong"));
  }
}

void Sequences::run_step() {
  join_all();
  sweep();
  std::vector<std::optional<Next>> nexts;
  for (const Sequence& sequence : running_) nexts.push_back(next_of(sequence));
  const std::vector<Part> plan = plan_step(nexts);
  if (plan.empty()) return;
  std::vector<Work> works;
  for (const Part& part : plan) {
    const Sequence& sequence = running_[part.place];
    works.push_back({.kind = part.next.kind,
                     .stage = part.next.stage,
                     .prepared = sequence.prepared.get(),
                     .prefix = sequence.prefix == nullptr ? nullptr : sequence.prefix->prefix.get()});
  }
  ++counts_.steps;
  std::vector<Outcome> outcomes = executor_.run(works);
  if (outcomes.size() != works.size()) {
    return give_up(broken("expected " + std::to_string(works.size()) + " outcomes, found " +
                          std::to_string(outcomes.size())));
  }
  for (std::size_t i = 0; i < plan.size(); ++i)
    take(running_[plan[i].place], plan[i].next, std::move(outcomes[i]));
  sweep();
}

/// Those whose prefix is there take part; of those whose prefix nobody reads, the first begins to.
void Sequences::join_all() {
  for (Sequence& sequence : running_) {
    if (sequence.joined || sequence.over) continue;
    PrefixTable::Entry* prefix = sequence.prefix;
    if (prefix != nullptr && !prefix->reader && !prefix->ready()) begin_prefix(sequence);
    if (prefix != nullptr && !prefix->ready()) continue;
    sequence.joined = true;
    pass_on(sequence, executor_.join(*sequence.prepared, prefix == nullptr ? nullptr : prefix->prefix));
  }
}

void Sequences::begin_prefix(Sequence& reader) {
  reader.prefix->prefix = executor_.open_prefix(*reader.prepared);
  reader.prefix->reader = reader.ticket;
  reader.prefix->next_stage = 0;
}

std::optional<Next> Sequences::next_of(const Sequence& sequence) {
  if (!sequence.joined) {
    if (sequence.prefix->reader != sequence.ticket) return std::nullopt;
    return Next{Work::Kind::prefix, sequence.prefix->next_stage};
  }
  if (sequence.next_stage < sequence.prepared->own_stages.size())
    return Next{Work::Kind::own, sequence.next_stage};
  return Next{Work::Kind::decode, 0};
}

void Sequences::take(Sequence& sequence, const Next& next, Outcome outcome) {
  switch (next.kind) {
    case Work::Kind::prefix:
      return take_prefix_stage(sequence, std::move(outcome));
    case Work::Kind::own:
      ++sequence.next_stage;
      break;
    case Work::Kind::decode:
      ++sequence.tokens;
      ++counts_.tokens;
      break;
  }
  pass_on(sequence, std::move(outcome));
}

void Sequences::take_prefix_stage(Sequence& reader, Outcome outcome) {
  PrefixTable::Entry& prefix = *reader.prefix;
  if (!outcome.end || *outcome.end) {
    ++prefix.next_stage;
    if (prefix.ready()) ++counts_.prefixes_read;
    if (outcome.end) reader.over = true;
    return tell_(reader.ticket, std::move(outcome));
  }
  // All who wait for it end as its reader does; whoever comes next tries anew.
  const Error error = outcome.end->error();
  for (Sequence& sequence : running_) {
    if (sequence.prefix != &prefix) continue;
    sequence.prefix = nullptr;
    sequence.over = true;
    if (&sequence == &reader) continue;
    Outcome same;
    same.end = fail(error);
    tell_(sequence.ticket, std::move(same));
  }
  tell_(reader.ticket, std::move(outcome));
  budget_.release(prefix.blocks);
  table_.erase(prefix);
}

/// What came of a stage of its own, a token or joining. No question decodes more than its blocks hold.
void Sequences::pass_on(Sequence& sequence, Outcome outcome) {
  const bool stages_left = sequence.next_stage < sequence.prepared->own_stages.size();
  if (!outcome.end && !stages_left && sequence.tokens >= sequence.prepared->most_new_tokens)
    outcome.end = fail(broken("expected a question's end, found none after its last token"));
  if (outcome.end) sequence.over = true;
  tell_(sequence.ticket, std::move(outcome));
}

void Sequences::leave(Sequence& sequence) {
  sequence.prepared.reset();
  budget_.release(sequence.blocks);
  if (sequence.prefix == nullptr) return;
  const std::uint64_t blocks = sequence.prefix->blocks;
  if (table_.release(*sequence.prefix, sequence.ticket)) budget_.release(blocks);
}

void Sequences::sweep() {
  for (Sequence& sequence : running_) {
    if (sequence.over) leave(sequence);
  }
  std::erase_if(running_, [](const Sequence& sequence) { return sequence.over; });
}

void Sequences::give_up(const Error& error) {
  std::vector<Ticket> tickets;
  for (const Sequence& sequence : running_) {
    if (!sequence.over) tickets.push_back(sequence.ticket);
  }
  clear();
  for (const Ticket ticket : tickets) {
    Outcome outcome;
    outcome.end = fail(error);
    tell_(ticket, std::move(outcome));
  }
}

void Sequences::clear() {
  running_.clear();
  table_.clear();
  budget_.release(budget_.used());
}

void Sequences::count(Counts& counts) const {
  counts.running = running_.size();
  counts.peak_running = counts_.peak_running;
  counts.steps = counts_.steps;
  counts.tokens = counts_.tokens;
  counts.prefixes = table_.size();
  counts.prefixes_read = counts_.prefixes_read;
  counts.prefix_hits = counts_.prefix_hits;
  counts.prefixes_evicted = counts_.prefixes_evicted;
  counts.blocks = budget_.total();
  counts.blocks_used = budget_.used();
  counts.blocks_peak = budget_.peak();
}

}  // namespace holisafe::schedule
