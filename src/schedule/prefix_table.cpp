#include "schedule/prefix_table.h"

#include <algorithm>
#include <utility>

namespace holisafe::schedule {

PrefixTable::Entry* PrefixTable::find(std::string_view key) {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : &*found->second;
}

PrefixTable::Entry& PrefixTable::add(std::string key, std::uint64_t blocks, std::size_t stages) {
  entries_.push_back({.key = std::move(key), .blocks = blocks, .stages = stages, .users = 1});
  const auto last = std::prev(entries_.end());
  by_key_.emplace(last->key, last);
  return *last;
}

void PrefixTable::hold(Entry& entry) {
  if (entry.users++ == 0) idle_blocks_ -= entry.blocks;
  entries_.splice(entries_.end(), entries_, by_key_.at(entry.key));
}

bool PrefixTable::release(Entry& entry, Ticket leaver) {
  --entry.users;
  if (!entry.ready()) {
    if (entry.users == 0) {
      erase(entry);
      return true;
    }
    if (entry.reader == leaver) {
      entry.reader.reset();
      entry.prefix.reset();
      entry.next_stage = 0;
    }
    return false;
  }
  if (entry.users == 0) idle_blocks_ += entry.blocks;
  entries_.splice(entries_.end(), entries_, by_key_.at(entry.key));
  return false;
}

void PrefixTable::erase(Entry& entry) {
  const auto found = by_key_.find(entry.key);
  const auto place = found->second;
  if (entry.users == 0 && entry.ready()) idle_blocks_ -= entry.blocks;
  by_key_.erase(found);
  entries_.erase(place);
}

void PrefixTable::clear() {
  by_key_.clear();
  entries_.clear();
  idle_blocks_ = 0;
}

std::uint64_t PrefixTable::idle_blocks(const Entry* kept) const {
  return idle_blocks_ - (kept != nullptr && kept->users == 0 ? kept->blocks : 0);
}

std::optional<std::uint64_t> PrefixTable::evict(const Entry* kept) {
  const auto idle = std::find_if(entries_.begin(), entries_.end(),
                                 [kept](const Entry& entry) { return entry.users == 0 && &entry != kept; });
  if (idle == entries_.end()) return std::nullopt;
  const std::uint64_t blocks = idle->blocks;
  erase(*idle);
  return blocks;
}

}  // namespace holisafe::schedule
