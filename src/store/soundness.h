// Whether a database that anybody may have made is one of ours, and whole.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "store/database.h"

namespace holisafe::store {

/// Its PRAGMA user_version: 1 to `newest`; for writing also 0, an empty database. Errors: unsupported
/// (another one), those of Database.
Result<std::int64_t> version_of(const Database& database, std::int64_t newest, Access access);

/// Whether it holds what `sql` makes, word for word, and nothing else: no views, triggers or further columns.
/// Errors: malformed, with the entry that is another and the version's `number`; those of Database.
Result<void> check_schema(const Database& database, const std::string& sql, std::int64_t number);

/// Whether its pages, and rows and indices within them, hang together. Errors: malformed, those of Database.
Result<void> check_pages(const Database& database);
/// The same of some tables alone, without comparing indices with them: for stores that grow large.
Result<void> check_pages(const Database& database, std::span<const char* const> tables);

}  // namespace holisafe::store
