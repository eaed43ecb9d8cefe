// Looks at a stream of events as it passes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "serve/usage.h"

namespace holisafe::serve {

/// Takes a stream in any pieces, as the grammar of text/event-stream has it (lines end with LF, CR LF or CR).
/// Remembers the first event, and of the rest no more than a line.
class EventScan {
 public:
  void take(std::string_view bytes);
  /// Data of the first event that has any, once it has ended.
  [[nodiscard]] const std::optional<std::string>& first() const { return first_; }
  /// The data "[DONE]" came.
  [[nodiscard]] bool done() const { return done_; }
  /// Choices that came to a `finish_reason`, 0 to 128.
  [[nodiscard]] std::size_t finished() const { return finished_.size(); }
  /// The last `usage` that came.
  [[nodiscard]] const std::optional<Tokens>& tokens() const { return tokens_; }

 private:
  void end_line();
  void end_event();
  void data(std::string_view value);
  void read_members(std::string_view value);

  std::string line_;  ///< the beginning of one that has not ended
  bool after_return_ = false;
  bool has_data_ = false;
  std::string data_;  ///< of the first event
  std::optional<std::string> first_;
  bool done_ = false;
  std::set<std::int64_t> finished_;  ///< their indices
  std::optional<Tokens> tokens_;
};

}  // namespace holisafe::serve
