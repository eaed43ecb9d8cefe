// What the tables of a store hold, in a number and a digest each, written in the transaction that writes
// their rows: rows that are lost or changed later, by a disk or by hand, do not go unseen.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/hash.h"
#include "store/database.h"

namespace holisafe::store {

/// A table whose rows are counted. Static lifetime.
struct DigestedTable {
  const char* key;      ///< of key_values, where number and digest stand
  const char* all;      ///< selects every row
  const char* one_row;  ///< selects one by its key; nullptr where they are written together
};
inline constexpr DigestedTable numbers_table{"digest/numbers", "SELECT * FROM numbers", nullptr};
inline constexpr DigestedTable samples_table{"digest/samples", "SELECT * FROM samples", nullptr};
inline constexpr DigestedTable predictions_table{
    "digest/predictions", "SELECT * FROM predictions",
    "SELECT * FROM predictions WHERE position = ? AND number = ?"};
inline constexpr DigestedTable verdicts_table{
    "digest/verdicts", "SELECT * FROM verdicts",
    "SELECT * FROM verdicts WHERE judge = ? AND position = ? AND number = ?"};

/// A number of rows, and the sum (exclusive or) of a SHA-256 of each, with all its columns: in any order, so
/// that a row is taken away as it is added.
struct RowDigest {
  std::uint64_t rows = 0;
  Digest sum{};

  void add(const Statement& row);
  void take_away(const Statement& row);
  /// "12 5f70bf18…"
  [[nodiscard]] std::string text() const;
  bool operator==(const RowDigest&) const = default;
};

/// Counts the rows of all these tables and keeps that. Within a transaction of the caller's.
Result<void> keep_digests(const Database& database);

/// Whether the tables hold the rows that were written. Stores that kept no digest are let through. Errors:
/// malformed, with the table.
Result<void> check_digests(const Database& database);

/// Follows the rows of a table that a transaction writes: each is taken away before and added after.
///
///   HOLISAFE_TRY(auto digest, WrittenRows::begin(database, predictions_table));
///   HOLISAFE_CHECK(digest.before(digest.row().bind(position).bind(number)));
///   … write …
///   HOLISAFE_CHECK(digest.after(digest.row().bind(position).bind(number)));
///   HOLISAFE_CHECK(digest.keep());
class WrittenRows {
 public:
  static Result<WrittenRows> begin(const Database& database, const DigestedTable& table);

  Statement& row() { return row_; }
  Result<void> before(Statement& row);
  Result<void> after(Statement& row);
  Result<void> keep();

 private:
  WrittenRows(const Database& database, const DigestedTable& table, Statement row)
      : database_(&database), table_(&table), row_(std::move(row)) {}

  const Database* database_;
  const DigestedTable* table_;
  Statement row_;
  std::optional<RowDigest> digest_;  ///< nothing where the store keeps none
};

}  // namespace holisafe::store
