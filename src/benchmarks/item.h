// A row of a benchmark, as it is asked and scored.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chat/chat.h"
#include "metrics/figures.h"

namespace holisafe::benchmarks {

/// Its images stand under the names that Rows::images() has them under.
struct Item {
  std::int64_t position = 0;  ///< its row in the data, from 0
  std::string id;             ///< the integer's digits, or the string; unique
  bool id_is_string = false;
  std::vector<chat::Part> parts;  ///< the user's turn, in the order of the prompt
  std::string query;              ///< the text to show to a reader
  /// A value for each group that the benchmark has, in its order; an empty one where the row belongs to no
  /// value of the group.
  metrics::Groups groups;
  std::string cluster;       ///< rows of one cluster (an image) stand or fall together
  std::string target;        ///< what a rule compares with: a letter, a word; may be empty
  std::optional<int> label;  ///< guard class of its image, 0-19; nothing: unknown
  std::string json;          ///< the row as it stands in the data

  /// The value of a group; empty where there is none.
  [[nodiscard]] std::string_view group(std::string_view name) const;
  /// Its images' paths in the order of the prompt.
  [[nodiscard]] std::vector<std::string> images() const;
};

}  // namespace holisafe::benchmarks
