#include "store/tables.h"

namespace holisafe::store {
namespace {

constexpr const char* lasting_tables = R"(
CREATE TABLE identities (scope TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (scope, number)) WITHOUT ROWID;
CREATE TABLE key_values (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
)";

// older_identities: scopes of which only version 1 has remembered anything.
// numbers: 0, 1, … for the answers that each sample is to have.
constexpr const char* newer_tables = R"(
CREATE TABLE older_identities (scope TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE clusters (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE numbers (number INTEGER PRIMARY KEY);
CREATE TABLE samples (position INTEGER PRIMARY KEY, id TEXT NOT NULL, id_is_string INTEGER NOT NULL,
  cluster INTEGER NOT NULL, parts TEXT NOT NULL, query TEXT NOT NULL, group_values TEXT NOT NULL,
  target TEXT NOT NULL, label INTEGER, json TEXT NOT NULL, UNIQUE (id, id_is_string));
CREATE INDEX samples_of_cluster ON samples (cluster, position);
CREATE TABLE answers (position INTEGER NOT NULL, number INTEGER NOT NULL, state TEXT NOT NULL,
  text TEXT NOT NULL, finish_reason TEXT NOT NULL, reason TEXT NOT NULL, verdict TEXT,
  PRIMARY KEY (position, number));
CREATE TABLE judgements (judge TEXT NOT NULL, position INTEGER NOT NULL, number INTEGER NOT NULL,
  state TEXT NOT NULL, text TEXT NOT NULL, reason TEXT NOT NULL, value REAL,
  PRIMARY KEY (judge, position, number)) WITHOUT ROWID;
PRAGMA user_version = 2;
)";

}  // namespace

Result<void> make_newer_tables(const Database& database) { return database.run(newer_tables); }

Result<void> make_tables(const Database& database) {
  HOLISAFE_TRY(Transaction transaction, Transaction::begin(database));
  HOLISAFE_CHECK(database.run(lasting_tables));
  HOLISAFE_CHECK(make_newer_tables(database));
  return transaction.commit();
}

}  // namespace holisafe::store
