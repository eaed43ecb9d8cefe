// A provider's batch API: files of many questions, answered within a day at half the price.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ask/endpoint.h"
#include "base/progress.h"
#include "base/result.h"

namespace holisafe::ask {

/// What one batch may hold.
struct BatchLimits {
  std::size_t rows = 0;
  std::uint64_t bytes = 0;
};

/// How far a batch is.
struct BatchState {
  bool ended = false;
  std::vector<std::string> results;  ///< addresses of files of JSON lines, once it has ended
  std::vector<Json> rows;            ///< rows that came with the state itself
  bool missing_again = true;         ///< whether rows that did not come back may be asked again
  std::string missing_reason = {};   ///< why they did not
};

/// A row that came back.
struct BatchRow {
  std::string id;             ///< as it was sent
  Result<chat::Reply> reply;  ///< or why there is none
  bool again = false;         ///< without a reply: whether another try may give one
  Json refused = nullptr;     ///< of a row that was refused as a bad request: the error's body
};

/// Calls wait for their end, all tries included; their errors are those of Endpoint::call and
/// Endpoint::call_json. Lives no longer than its endpoint.
class BatchService {
 public:
  BatchService() = default;
  BatchService(const BatchService&) = delete;
  BatchService& operator=(const BatchService&) = delete;
  virtual ~BatchService() = default;

  [[nodiscard]] virtual BatchLimits limits() const = 0;
  /// One question in a batch's text; `id` is of letters, digits and dashes, at most 64.
  [[nodiscard]] virtual std::string line(const std::string& id, const Json& request) const = 0;
  /// What stands between lines.
  [[nodiscard]] virtual std::string_view separator() const { return "\n"; }
  /// Hands in a batch; gives the id to ask for it.
  virtual Result<std::string> submit(const std::string& lines, const StopFlag& stop) = 0;
  virtual Result<BatchState> look(const std::string& id, const StopFlag& stop) = 0;
  /// Nothing where the row has no id.
  [[nodiscard]] virtual std::optional<BatchRow> read_row(const Json& row) const = 0;
};

/// Whether an HTTP status may change when the same is asked again; 0 stands for none.
constexpr bool can_try_again(int status) {
  return status < 400 || status == 408 || status == 429 || status >= 500;
}

/// Collects lines until the next one would break a limit.
class BatchText {
 public:
  BatchText(BatchLimits limits, std::string_view separator) : limits_(limits), separator_(separator) {}

  [[nodiscard]] bool empty() const { return keys_.empty(); }
  /// Whether a line of so many bytes still fits; the first always does.
  [[nodiscard]] bool fits(std::size_t bytes) const {
    return empty() ||
           (keys_.size() < limits_.rows && text_.size() + separator_.size() + bytes <= limits_.bytes);
  }
  void add(chat::Key key, std::string_view line) {
    if (!empty()) text_ += separator_;
    text_ += line;
    keys_.push_back(key);
  }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] const std::vector<chat::Key>& keys() const { return keys_; }
  void clear() {
    text_.clear();
    keys_.clear();
  }

 private:
  BatchLimits limits_;
  std::string separator_;
  std::string text_;
  std::vector<chat::Key> keys_;
};

}  // namespace holisafe::ask
