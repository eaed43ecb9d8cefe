// Stores of version 1: tables images (number, path), samples (with image, type, subcategory, label),
// predictions (with guard) and verdicts; identities and key_values as now.
#include <string>

#include <fmt/format.h>

#include "store/tables.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::store {
namespace {

/// A name of the class that the column `subcategory` numbers; empty for 0: safe, or a word that the taxonomy
/// does not know.
std::string class_name(std::string_view taxonomy::GuardClass::*name) {
  std::string out = "CASE subcategory";
  const auto classes = taxonomy::classes();
  for (std::size_t i = 1; i < classes.size(); ++i)
    out += fmt::format(" WHEN {} THEN '{}'", i, classes[i].*name);
  return out + " ELSE '' END";
}

/// SELECT statements that give this version's columns; `samples` is the old table's name.
std::string select_samples(std::string_view samples) {
  return fmt::format(
      "SELECT position, id, id_is_string, image AS cluster, "
      "json_array(json_object('image', path), query) AS parts, query, "
      "json_array(json_array('type', type), json_array('category', {}), json_array('subcategory', {})) "
      "AS group_values, '' AS target, label, json FROM {} AS old LEFT JOIN main.images ON images.number = "
      "old.image",
      class_name(&taxonomy::GuardClass::category), class_name(&taxonomy::GuardClass::name), samples);
}

constexpr const char* select_answers =
    "SELECT position, 0 AS number, state, text, finish_reason, reason, guard AS verdict FROM "
    "main.predictions";
constexpr const char* select_judgements =
    "SELECT judge, position, 0 AS number, state, text, reason, NULL AS value FROM main.verdicts";
constexpr const char* select_older_identities = "SELECT DISTINCT scope FROM main.identities";
/// The address that a run was asked at: it told one run from another, and is now a value that may change.
constexpr const char* is_address = "scope = 'run' AND name = 'endpoint'";

}  // namespace

std::string version1_tables() {
  return lasting_tables() + R"(
CREATE TABLE images (number INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE);
CREATE TABLE samples (position INTEGER PRIMARY KEY, id TEXT NOT NULL, id_is_string INTEGER NOT NULL,
  image INTEGER NOT NULL, query TEXT NOT NULL, type TEXT NOT NULL, subcategory INTEGER NOT NULL,
  label INTEGER NOT NULL, json TEXT NOT NULL, UNIQUE (id, id_is_string));
CREATE INDEX samples_of_image ON samples (image, position);
CREATE TABLE predictions (position INTEGER PRIMARY KEY, state TEXT NOT NULL, text TEXT NOT NULL,
  finish_reason TEXT NOT NULL, reason TEXT NOT NULL, guard TEXT);
CREATE TABLE verdicts (judge TEXT NOT NULL, position INTEGER NOT NULL, state TEXT NOT NULL, text TEXT NOT NULL,
  reason TEXT NOT NULL, PRIMARY KEY (judge, position)) WITHOUT ROWID;
)";
}

Result<void> view_version1(const Database& database) {
  const std::string views = fmt::format(
      "CREATE TEMP VIEW samples AS {};"
      "CREATE TEMP VIEW predictions AS {};"
      "CREATE TEMP VIEW verdicts AS {};"
      "CREATE TEMP VIEW older_identities AS {};"
      "CREATE TEMP VIEW identities AS SELECT * FROM main.identities WHERE NOT ({});"
      "CREATE TEMP VIEW key_values AS SELECT * FROM main.key_values UNION ALL "
      "SELECT name, value FROM main.identities WHERE {};"
      "CREATE TEMP VIEW numbers AS SELECT 0 AS number WHERE EXISTS (SELECT 1 FROM main.samples);",
      select_samples("main.samples"), select_answers, select_judgements, select_older_identities, is_address,
      is_address);
  return database.run(views.c_str());
}

Result<void> version1_to_2(const Database& database) {
  HOLISAFE_CHECK(
      database.run("DROP INDEX samples_of_image; ALTER TABLE samples RENAME TO version1_samples;"));
  HOLISAFE_CHECK(database.run(sample_tables("clusters", "answers", "judgements").c_str()));
  const std::string copies = fmt::format(
      "INSERT INTO clusters SELECT number, path FROM images;"
      "INSERT INTO numbers SELECT 0 WHERE EXISTS (SELECT 1 FROM version1_samples);"
      "INSERT INTO samples {};"
      "INSERT INTO answers {};"
      "INSERT INTO judgements {};"
      "INSERT INTO older_identities {};"
      "INSERT INTO key_values SELECT name, value FROM identities WHERE {};"
      "DELETE FROM identities WHERE {};"
      "DROP TABLE version1_samples; DROP TABLE images; DROP TABLE predictions; DROP TABLE verdicts;",
      select_samples("version1_samples"), select_answers, select_judgements, select_older_identities,
      is_address, is_address);
  return database.run(copies.c_str());
}

}  // namespace holisafe::store
