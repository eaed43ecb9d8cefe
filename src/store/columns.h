// Reading the columns of a row that anybody may have written.
//
//   Columns columns(statement, "samples", position);
//   HOLISAFE_CHECK(columns.text("id", sample.id));
//   HOLISAFE_CHECK(columns.integer("cluster", 0, most, sample.cluster));
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/database.h"

namespace holisafe::store {

inline constexpr std::int64_t largest_integer = std::numeric_limits<std::int64_t>::max();

/// Takes the columns of a row in their order. Errors of all functions: malformed, `damaged run store:
/// RUN/run.db: TABLE.COLUMN of row N`, where a column holds what this program never writes there.
class Columns {
 public:
  /// Of the sample at `position`; nothing: the table's rows are no samples'.
  Columns(const Statement& statement, std::string_view table, std::optional<std::int64_t> position,
          int first = 0)
      : statement_(statement), table_(table), position_(position), column_(first) {}

  Result<void> integer(std::string_view name, std::int64_t least, std::int64_t most, std::int64_t& out);
  Result<void> integer_or_null(std::string_view name, std::int64_t least, std::int64_t most,
                               std::optional<std::int64_t>& out);
  /// A finite number.
  Result<void> number_or_null(std::string_view name, std::optional<double>& out);
  /// UTF-8. The view is valid until the statement's next step.
  Result<void> text(std::string_view name, std::string_view& out);
  Result<void> text(std::string_view name, std::string& out);
  /// Any bytes. The view is valid until the statement's next step.
  Result<void> bytes(std::string_view name, std::string_view& out);
  /// The same of so many bytes; nothing where the column is null.
  Result<void> bytes_or_null(std::string_view name, std::size_t count, std::optional<std::string_view>& out);
  /// Text in UTF-8, or nothing where the column is null.
  Result<void> text_or_null(std::string_view name, std::optional<std::string>& out);
  /// JSON with brackets no deeper than `deepest`; `out` is discarded where the column is null.
  Result<void> json_or_null(std::string_view name, std::size_t deepest, nlohmann::json& out);
  /// The text of a JSON object.
  Result<void> object_text(std::string_view name, std::string& out);

  /// Of the column that was taken last.
  [[nodiscard]] Error damaged(std::string_view name, std::string_view expected) const;

 private:
  const Statement& statement_;
  std::string_view table_;
  std::optional<std::int64_t> position_;
  int column_;
};

}  // namespace holisafe::store
