// A database that an input changes: what fuzz targets of stores read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <sqlite3.h>

namespace holisafe {

/// A line `TABLE COLUMN VALUE` puts bytes into a column of every row (as a blob where VALUE begins with a
/// space), a line `+TYPE NAME SQL` adds an entry to the schema.
inline void change_store(sqlite3* database, std::string_view line) {
  const auto first = line.find(' ');
  const auto second = line.find(' ', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) return;
  const std::string table(line.substr(0, first));
  const std::string column(line.substr(first + 1, second - first - 1));
  const std::string_view value = line.substr(second + 1);
  const bool entry = table.starts_with('+');
  const std::string sql = entry ? "INSERT INTO sqlite_schema VALUES (?, ?, ?, 0, ?)"
                                : "UPDATE " + table + " SET " + column + " = ?";
  if (table.find_first_not_of("+abcdefghijklmnopqrstuvwxyz_") != std::string::npos ||
      (!entry && column.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") != std::string::npos))
    return;
  sqlite3_stmt* statement = nullptr;
  if (::sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) return;
  const auto text = [&](int place, std::string_view bytes) {
    ::sqlite3_bind_text(statement, place, bytes.data(), static_cast<int>(bytes.size()), SQLITE_TRANSIENT);
  };
  if (entry) {
    text(1, std::string_view(table).substr(1));
    text(2, column);
    text(3, column);
    text(4, value);
  } else if (value.starts_with(' ')) {
    ::sqlite3_bind_blob(statement, 1, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT);
  } else {
    text(1, value);
  }
  ::sqlite3_step(statement);
  ::sqlite3_finalize(statement);
}

/// All lines of an input, after `first`, which is SQL.
inline void change_store(const std::string& file, const char* first, std::string_view lines) {
  sqlite3* database = nullptr;
  ::sqlite3_open(file.c_str(), &database);
  ::sqlite3_exec(database, first, nullptr, nullptr, nullptr);
  ::sqlite3_exec(database, "PRAGMA synchronous = OFF; PRAGMA writable_schema = ON", nullptr, nullptr,
                 nullptr);
  while (!lines.empty()) {
    const auto end = lines.find('\n');
    change_store(database, lines.substr(0, end));
    lines = end == std::string_view::npos ? std::string_view() : lines.substr(end + 1);
  }
  ::sqlite3_close(database);
}

}  // namespace holisafe
