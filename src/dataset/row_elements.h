// The parser's own view of a file's rows, for the readers of this layer.
#pragma once

#include <string_view>

#include <simdjson.h>

#include "dataset/rows.h"

namespace holisafe::dataset {

struct RowElements {
  /// The rows of `file`, of whatever kind; valid while the file lives.
  static simdjson::dom::array of(const RowFile& file);
  /// Fills `row` from its object.
  static void fill(Row& row, simdjson::dom::object object);
};

/// "an array", "an object", "a string", … for messages.
std::string_view kind_of(simdjson::dom::element value);

}  // namespace holisafe::dataset
