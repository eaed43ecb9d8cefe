// The files that SQLite keeps beside a database, in a folder that anybody may have made and that may be full
// or closed.
#pragma once

#include <filesystem>

#include "base/result.h"
#include "store/database.h"

namespace holisafe::store {

/// Whether SQLite could put its files beside the database. Leaves nothing there.
bool has_room_beside(const std::filesystem::path& database);

/// Whether a log holds what the database itself does not.
bool has_log(const std::filesystem::path& database);

/// Refuses what would lead SQLite out of the folder: links in the place of its files (for writing also the
/// database's own), and a rollback journal that names a further file, which it would delete. Errors:
/// unexpected.
Result<void> check_files_beside(const std::filesystem::path& database, Access access);

}  // namespace holisafe::store
