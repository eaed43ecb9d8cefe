// The tables of a store, and what becomes of stores that an older program made.
#pragma once

#include <cstdint>

#include "store/database.h"

namespace holisafe::store {

inline constexpr std::int64_t version = 2;

/// In an empty database. One transaction.
Result<void> make_tables(const Database& database);

/// Those that version 1 did not have in this form; no transaction of its own.
Result<void> make_newer_tables(const Database& database);

/// Version 1 held HoliSafe-Bench alone: one image and one answer a sample, its combination and subcategory as
/// columns. Everything about it stands in version1.cpp.
inline constexpr std::int64_t version1 = 1;

/// Lays views of this version's names and columns over a store of version 1, for this connection alone.
/// Within a transaction that stays open it shows the store as it stood, whatever other processes make of it.
Result<void> view_version1(const Database& database);

/// Makes a store of version 1 one of this version. One transaction: after a kill it is of one or the other.
Result<void> migrate_version1(const Database& database);

}  // namespace holisafe::store
