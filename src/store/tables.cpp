#include "store/tables.h"

#include <fmt/format.h>

#include "store/row_digest.h"
#include "store/soundness.h"

namespace holisafe::store {
namespace {

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
  return check_schema(database, tables_of(number), number);
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
