#include "store/tables.h"

#include <map>
#include <utility>

#include <fmt/format.h>

#include "store/row_digest.h"

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

std::string tables_of(std::int64_t number) {
  if (number == version1) return version1_tables();
  if (number == version2) return version2_tables();
  // The names of version 1, which scripts that look into a store know. Quoted, as they stand in one that was
  // brought to this version.
  return number == version ? lasting_tables() + sample_tables("\"images\"", "\"predictions\"", "\"verdicts\"")
                           : std::string();
}

}  // namespace

std::string lasting_tables() {
  return R"(
CREATE TABLE identities (scope TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (scope, number)) WITHOUT ROWID;
CREATE TABLE key_values (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
)";
}

// older_identities: scopes of which only version 1 has remembered anything.
// clusters: what rows belong together by, in the first benchmark their image.
// numbers: 0, 1, … for the answers that each sample is to have.
std::string sample_tables(const char* clusters, const char* answers, const char* judgements) {
  return fmt::format(R"(
CREATE TABLE older_identities (scope TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE {} (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE numbers (number INTEGER PRIMARY KEY);
CREATE TABLE samples (position INTEGER PRIMARY KEY, id TEXT NOT NULL, id_is_string INTEGER NOT NULL,
  cluster INTEGER NOT NULL, parts TEXT NOT NULL, query TEXT NOT NULL, group_values TEXT NOT NULL,
  target TEXT NOT NULL, label INTEGER, json TEXT NOT NULL, UNIQUE (id, id_is_string));
CREATE INDEX samples_of_cluster ON samples (cluster, position);
CREATE TABLE {} (position INTEGER NOT NULL, number INTEGER NOT NULL, state TEXT NOT NULL,
  text TEXT NOT NULL, finish_reason TEXT NOT NULL, reason TEXT NOT NULL, verdict TEXT,
  PRIMARY KEY (position, number));
CREATE TABLE {} (judge TEXT NOT NULL, position INTEGER NOT NULL, number INTEGER NOT NULL,
  state TEXT NOT NULL, text TEXT NOT NULL, reason TEXT NOT NULL, value REAL,
  PRIMARY KEY (judge, position, number)) WITHOUT ROWID;
)",
                     clusters, answers, judgements);
}

Result<void> make_tables(const Database& database) {
  HOLISAFE_TRY(Transaction transaction, Transaction::begin(database));
  HOLISAFE_CHECK(
      database.run(fmt::format("{} PRAGMA user_version = {};", tables_of(version), version).c_str()));
  HOLISAFE_CHECK(keep_digests(database));
  return transaction.commit();
}

Result<void> check_schema(const Database& database, std::int64_t number) {
  HOLISAFE_TRY(const Schema found, schema_of(database));
  HOLISAFE_TRY(const Database made, Database::in_memory());
  HOLISAFE_CHECK(made.run(tables_of(number).c_str()));
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

Result<void> view_older(const Database& database, std::int64_t number) {
  return number == version1 ? view_version1(database) : view_version2(database);
}

Result<void> migrate(const Database& database, std::int64_t number) {
  HOLISAFE_TRY(Transaction transaction, Transaction::begin(database));
  if (number == version1) HOLISAFE_CHECK(version1_to_2(database));
  HOLISAFE_CHECK(version2_to_3(database));
  HOLISAFE_CHECK(keep_digests(database));
  HOLISAFE_CHECK(database.run(fmt::format("PRAGMA user_version = {}", version).c_str()));
  return transaction.commit();
}

}  // namespace holisafe::store
