// The tables of a store, and what becomes of stores that an older program made.
#pragma once

#include <cstdint>
#include <string>

#include "store/database.h"

namespace holisafe::store {

inline constexpr std::int64_t version = 3;

/// In an empty database. One transaction.
Result<void> make_tables(const Database& database);

/// Whether a store holds the tables of the version with that number, word for word, and nothing else: no
/// views, triggers or further columns. Version 0 is an empty database. Errors: malformed, with the entry that
/// is another; those of Database.
Result<void> check_schema(const Database& database, std::int64_t number);

/// Lays views of this version's names and columns over an older store, for this connection alone. Within a
/// transaction that stays open it shows the store as it stood, whatever other processes make of it.
Result<void> view_older(const Database& database, std::int64_t number);

/// Makes an older store one of this version. One transaction: after a kill it is of one or the other.
Result<void> migrate(const Database& database, std::int64_t number);

/// SQL that makes the tables that versions share, and those of version 2 and 3, which differ in three names.
std::string lasting_tables();
std::string sample_tables(const char* clusters, const char* answers, const char* judgements);

/// Version 1 held HoliSafe-Bench alone: one image and one answer a sample, its combination and subcategory as
/// columns. Everything about it stands in version1.cpp. The second function makes version 2 of it.
inline constexpr std::int64_t version1 = 1;
std::string version1_tables();
Result<void> view_version1(const Database& database);
Result<void> version1_to_2(const Database& database);

/// Version 2 had other names for three tables, and no digest of their rows. Everything about it stands in
/// version2.cpp.
inline constexpr std::int64_t version2 = 2;
std::string version2_tables();
Result<void> view_version2(const Database& database);
Result<void> version2_to_3(const Database& database);

}  // namespace holisafe::store
