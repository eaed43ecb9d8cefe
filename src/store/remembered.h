// What a store remembers beside its rows: identities, each a list of names with values under a scope, and
// single values by key. In the tables that lasting_tables() makes (tables.h).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "store/database.h"

namespace holisafe::store {

/// Names with values, in a fixed order.
using Identity = std::vector<std::pair<std::string, std::string>>;

/// The value of a name; `otherwise` where there is none.
std::string value_in(const Identity& identity, std::string_view name, std::string_view otherwise = {});

/// Lives no longer than its database. Every function that writes has it on disk when it returns. Errors of
/// all functions: those of Database; malformed.
class Remembered {
 public:
  explicit Remembered(const Database& database) : database_(&database) {}

  /// What is remembered under a scope; empty where nothing is.
  Result<Identity> identity(const std::string& scope) const;
  /// Remembers what a scope is made from, or compares with what is remembered. Error: mismatch, with the
  /// names that differ and both values.
  Result<void> require_same(const std::string& scope, const Identity& identity) const;
  /// The comparison alone, which nothing known passes; names that are new are let through if `may_add`.
  Result<void> check_same(const Identity& known, const Identity& identity, bool may_add) const;
  /// Adds those names of `identity` that `known`, which the scope has, lacks. Within a transaction.
  Result<void> add(const std::string& scope, const Identity& known, const Identity& identity) const;

  /// Nothing where none was put.
  Result<std::optional<std::string>> value(const std::string& key) const;
  Result<void> put_value(const std::string& key, const std::string& value) const;
  /// All keys that start with `prefix`, with their values, sorted by key.
  Result<std::vector<std::pair<std::string, std::string>>> values(const std::string& prefix) const;
  Result<void> remove_value(const std::string& key) const;

 private:
  const Database* database_;
};

}  // namespace holisafe::store
