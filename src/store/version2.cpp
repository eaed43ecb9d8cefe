// Stores of version 2: this version's tables, three of which were called clusters, answers and judgements;
// rows without a digest.
#include "store/tables.h"

namespace holisafe::store {

std::string version2_tables() {
  return lasting_tables() + sample_tables("clusters", "answers", "judgements");
}

Result<void> view_version2(const Database& database) {
  return database.run(
      "CREATE TEMP VIEW predictions AS SELECT * FROM main.answers;"
      "CREATE TEMP VIEW verdicts AS SELECT * FROM main.judgements;");
}

Result<void> version2_to_3(const Database& database) {
  return database.run(
      "ALTER TABLE clusters RENAME TO images;"
      "ALTER TABLE answers RENAME TO predictions;"
      "ALTER TABLE judgements RENAME TO verdicts;");
}

}  // namespace holisafe::store
