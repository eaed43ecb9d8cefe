// The parser's own view of a file's rows, for the readers of this layer.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <unordered_set>

#include <simdjson.h>

#include "dataset/rows.h"

namespace holisafe::dataset {

struct RowElements {
  /// The rows of `file`, of whatever kind; valid while the file lives.
  static simdjson::dom::array of(const RowFile& file);
  /// Fills `row` from its object.
  static void fill(Row& row, simdjson::dom::object object);
};

/// Tells which fields of an object stand in it more than once.
class RepeatedFields {
 public:
  /// Whether `key` came before. Time for many keys grows as their number does.
  bool again(std::string_view key);

 private:
  static constexpr std::size_t few = 16;
  std::array<std::string_view, few> first_{};
  std::size_t count_ = 0;
  std::unordered_set<std::string_view> more_;
};

/// "an array", "an object", "a string", … for messages.
std::string_view kind_of(simdjson::dom::element value);

}  // namespace holisafe::dataset
