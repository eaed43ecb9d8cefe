// Replies that wait for poll(), and the keys whose reply is still to come.
#pragma once

#include <cstddef>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "chat/chat.h"
#include "schedule/ticket.h"

namespace holisafe::schedule {

/// Has no lock of its own: its owner's guards it.
class Inbox {
 public:
  using Replies = std::vector<std::pair<chat::Key, Result<chat::Reply>>>;

  void expect(chat::Key key, Ticket ticket) { expected_.insert_or_assign(key, ticket); }
  [[nodiscard]] bool expects(chat::Key key) const { return expected_.contains(key); }
  /// Expected, and come but not taken.
  [[nodiscard]] std::size_t pending() const { return expected_.size() + replies_.size(); }
  [[nodiscard]] std::size_t waiting() const { return replies_.size(); }

  /// Nothing where the ticket is no longer expected. An answer that was given up is none.
  void put(chat::Key key, Ticket ticket, Result<chat::Reply> reply) {
    if (!forget(key, ticket)) return;
    if (reply || reply.error().kind != ErrorKind::cancelled) replies_.emplace_back(key, std::move(reply));
  }
  /// No reply is expected any more; false: none was.
  bool forget(chat::Key key, Ticket ticket) {
    const auto found = expected_.find(key);
    if (found == expected_.end() || found->second != ticket) return false;
    expected_.erase(found);
    return true;
  }
  /// A reply to a key that was not expected.
  void refuse(chat::Key key, Error error) { replies_.emplace_back(key, fail(std::move(error))); }

  /// The key is forgotten, its reply where one has come; its ticket where none has.
  std::optional<Ticket> take_back(chat::Key key) {
    std::erase_if(replies_, [key](const auto& reply) { return reply.first == key; });
    const auto found = expected_.find(key);
    if (found == expected_.end()) return std::nullopt;
    const Ticket ticket = found->second;
    expected_.erase(found);
    return ticket;
  }
  void clear() {
    expected_.clear();
    replies_.clear();
  }

  [[nodiscard]] Replies take() { return std::exchange(replies_, {}); }

 private:
  std::unordered_map<chat::Key, Ticket> expected_;
  Replies replies_;
};

}  // namespace holisafe::schedule
