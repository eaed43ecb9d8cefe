#include "store/soundness.h"

#include <map>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace holisafe::store {
namespace {

/// Type and name of an entry of the schema, with its table and SQL.
using Schema = std::map<std::pair<std::string, std::string>, std::string>;

Result<Schema> schema_of(const Database& database) {
  HOLISAFE_TRY(
      Statement statement,
      database.prepare("SELECT type, name, tbl_name || ': ' || coalesce(sql, '') FROM sqlite_schema"));
  Schema out;
  while (true) {
    HOLISAFE_TRY(const bool found, statement.step());
    if (!found) return out;
    std::pair name(std::string(statement.text(0)), std::string(statement.text(1)));
    if (!out.emplace(std::move(name), statement.text(2)).second)
      return fail(ErrorKind::malformed, "damaged run store", database.where(), "expected each table once");
  }
}

/// By a statement that says "ok", or what is not.
Result<void> check_by(const Database& database, std::string_view sql) {
  HOLISAFE_TRY(Statement statement, database.prepare(sql));
  HOLISAFE_TRY(const bool said, statement.step());
  if (said && statement.text(0) == "ok") return statement.run();
  constexpr std::size_t most_shown = 200;
  return fail(ErrorKind::malformed, "damaged run store", database.where(),
              said ? as_utf8(statement.text(0).substr(0, most_shown)) : "");
}

}  // namespace

Result<std::int64_t> version_of(const Database& database, std::int64_t newest, Access access) {
  HOLISAFE_TRY(Statement statement, database.prepare("PRAGMA user_version"));
  HOLISAFE_TRY(const bool any, statement.step());
  const std::int64_t found = any ? statement.integer(0) : 0;
  HOLISAFE_CHECK(statement.run());
  if (found >= (access == Access::write ? 0 : 1) && found <= newest) return found;
  return fail(ErrorKind::unsupported, "cannot read the run store", database.where(),
              fmt::format("expected version {}, found {}", newest == 1 ? "1" : fmt::format("1 to {}", newest),
                          found));
}

Result<void> check_schema(const Database& database, const std::string& sql, std::int64_t number) {
  HOLISAFE_TRY(const Schema found, schema_of(database));
  HOLISAFE_TRY(const Database made, Database::in_memory());
  HOLISAFE_CHECK(made.run(sql.c_str()));
  HOLISAFE_TRY(const Schema expected, schema_of(made));
  const auto damaged = [&](const auto& entry, std::string detail) {
    return fail(
        ErrorKind::malformed, "damaged run store",
        fmt::format("{}: {} {}", database.where(), entry.first.first, entry.first.second.substr(0, 60)),
        std::move(detail));
  };
  for (const auto& entry : found) {
    const auto known = expected.find(entry.first);
    if (known == expected.end())
      return damaged(entry, "expected this program's tables alone, found something else");
    if (known->second != entry.second)
      return damaged(entry, fmt::format("expected the columns of version {}, found others", number));
  }
  for (const auto& entry : expected) {
    if (!found.contains(entry.first)) return damaged(entry, "expected it, found none");
  }
  return {};
}

Result<void> check_pages(const Database& database) { return check_by(database, "PRAGMA integrity_check(1)"); }

Result<void> check_pages(const Database& database, std::span<const char* const> tables) {
  for (const char* table : tables)
    HOLISAFE_CHECK(check_by(database, fmt::format("PRAGMA quick_check({})", table)));
  return {};
}

}  // namespace holisafe::store
