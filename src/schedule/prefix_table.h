// Prefixes by key, who uses them, and which go first when their blocks are wanted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "schedule/executor.h"
#include "schedule/ticket.h"

namespace holisafe::schedule {

/// A prefix stays when nobody uses it any more, until its blocks are wanted; the one that was used last
/// longest ago goes first. One that is being read has a user, so it never goes. Blocks are counted by whoever
/// calls. For one thread.
class PrefixTable {
 public:
  struct Entry {
    std::string key = {};
    std::uint64_t blocks = 0;
    std::size_t stages = 0;
    std::size_t users = 0;                     ///< questions under way with it, its reader among them
    std::shared_ptr<Prefix> prefix = nullptr;  ///< null: nobody reads it
    std::size_t next_stage = 0;                ///< to be read
    std::optional<Ticket> reader = {};         ///< the one question that runs its stages
    [[nodiscard]] bool ready() const { return prefix != nullptr && next_stage >= stages; }
  };

  /// Null: there is none. Pointers stay good until the entry is erased or evicted.
  Entry* find(std::string_view key);
  /// One that was not there, with a first user.
  Entry& add(std::string key, std::uint64_t blocks, std::size_t stages);
  /// One user more.
  void hold(Entry& entry);
  /// One user fewer. `leaver` was reading: another has to begin anew, for part of what was read may be the
  /// leaver's. One that nobody has read to its end goes with its last user: true, and its blocks are free.
  [[nodiscard]] bool release(Entry& entry, Ticket leaver);
  /// Whoever uses it or not.
  void erase(Entry& entry);
  void clear();

  /// Blocks of those that could be evicted, `kept` not among them.
  [[nodiscard]] std::uint64_t idle_blocks(const Entry* kept = nullptr) const;
  /// Drops the one used last longest ago that nobody uses, and gives its blocks. Never `kept`.
  std::optional<std::uint64_t> evict(const Entry* kept = nullptr);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  std::list<Entry> entries_;                                                 ///< used last longest ago first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_key_;  ///< keys lie in the entries
  std::uint64_t idle_blocks_ = 0;
};

}  // namespace holisafe::schedule
