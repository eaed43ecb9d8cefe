#include "store/remembered.h"

#include <optional>

#include <fmt/format.h>

#include "store/columns.h"

namespace holisafe::store {
namespace {

/// All rows of a statement whose columns are texts with these names: the first two of each.
Result<Identity> text_pairs(Statement& statement, const char* table, const char* first, const char* second) {
  Identity out;
  while (true) {
    HOLISAFE_TRY(const bool found, statement.step());
    if (!found) return out;
    Columns columns(statement, table, std::nullopt);
    auto& [name, value] = out.emplace_back();
    HOLISAFE_CHECK(columns.text(first, name));
    HOLISAFE_CHECK(columns.text(second, value));
  }
}

/// `"VALUE"`, or `nothing`.
std::string shown_value(const Identity& identity, const std::string& name) {
  for (const auto& [each, value] : identity) {
    if (each == name) return fmt::format("\"{}\"", value);
  }
  return "nothing";
}

/// What tells `now` from `known`, in words; names that only `now` has are let through where they may be new.
std::string differences(const Identity& known, const Identity& now, bool may_add) {
  std::string out;
  for (const auto* side : {&known, &now}) {
    for (const auto& [name, value] : *side) {
      const std::string before = shown_value(known, name);
      const std::string found = shown_value(now, name);
      if (before == found || (side == &now && (may_add || before != "nothing"))) continue;
      out += fmt::format("{}{}: expected {}, found {}", out.empty() ? "" : "; ", name, before, found);
    }
  }
  return out;
}

}  // namespace

std::string value_in(const Identity& identity, std::string_view name, std::string_view otherwise) {
  for (const auto& [each, value] : identity) {
    if (each == name) return value;
  }
  return std::string(otherwise);
}

Result<Identity> Remembered::identity(const std::string& scope) const {
  HOLISAFE_TRY(Statement statement, database_->prepare("SELECT name, value FROM identities WHERE scope = ? "
                                                       "ORDER BY number"));
  return text_pairs(statement.bind(scope), "identities", "name", "value");
}

Result<void> Remembered::check_same(const Identity& known, const Identity& identity, bool may_add) const {
  if (known.empty()) return {};
  std::string found = differences(known, identity, may_add);
  if (found.empty()) return {};
  return fail(ErrorKind::mismatch, "run made from something else", database_->where(), std::move(found));
}

Result<void> Remembered::add(const std::string& scope, const Identity& known,
                             const Identity& identity) const {
  HOLISAFE_TRY(Statement statement,
               database_->prepare("INSERT INTO identities (scope, number, name, value) VALUES (?, ?, ?, ?)"));
  HOLISAFE_TRY(Statement last,
               database_->prepare("SELECT coalesce(max(number), -1) FROM identities WHERE scope = ?"));
  HOLISAFE_TRY(const bool any, last.bind(scope).step());
  std::int64_t number = any ? last.integer(0) : -1;
  for (const auto& [name, value] : identity) {
    if (shown_value(known, name) != "nothing") continue;
    HOLISAFE_CHECK(statement.bind(scope).bind(++number).bind(name).bind(value).run());
  }
  return {};
}

Result<void> Remembered::require_same(const std::string& scope, const Identity& identity) const {
  HOLISAFE_TRY(const Identity known, this->identity(scope));
  HOLISAFE_CHECK(check_same(known, identity, false));
  if (!known.empty()) return {};
  HOLISAFE_TRY(Transaction transaction, Transaction::begin(*database_));
  HOLISAFE_CHECK(add(scope, known, identity));
  return transaction.commit();
}

Result<std::optional<std::string>> Remembered::value(const std::string& key) const {
  HOLISAFE_TRY(Statement statement, database_->prepare("SELECT value FROM key_values WHERE key = ?"));
  std::optional<std::string> out;
  HOLISAFE_TRY(const bool found, statement.bind(key).step());
  if (found) HOLISAFE_CHECK(Columns(statement, "key_values", std::nullopt).text("value", out.emplace()));
  return out;
}

Result<void> Remembered::put_value(const std::string& key, const std::string& value) const {
  HOLISAFE_TRY(Statement statement,
               database_->prepare("INSERT INTO key_values (key, value) VALUES (?, ?) "
                                  "ON CONFLICT (key) DO UPDATE SET value = excluded.value"));
  return statement.bind(key).bind(value).run();
}

Result<std::vector<std::pair<std::string, std::string>>> Remembered::values(const std::string& prefix) const {
  HOLISAFE_TRY(Statement statement,
               database_->prepare("SELECT key, value FROM key_values WHERE substr(key, 1, length(?)) = ? "
                                  "ORDER BY key"));
  return text_pairs(statement.bind(prefix).bind(prefix), "key_values", "key", "value");
}

Result<void> Remembered::remove_value(const std::string& key) const {
  HOLISAFE_TRY(Statement statement, database_->prepare("DELETE FROM key_values WHERE key = ?"));
  return statement.bind(key).run();
}

}  // namespace holisafe::store
