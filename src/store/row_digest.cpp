#include "store/row_digest.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstddef>
#include <utility>

#include <fmt/format.h>

namespace holisafe::store {
namespace {

constexpr std::array<const DigestedTable*, 4> digested_tables{&samples_table, &numbers_table,
                                                              &predictions_table, &verdicts_table};

void add_number(Sha256& hash, std::uint64_t number) {
  std::array<char, sizeof(number)> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(number >> (8 * i));
  hash.update({bytes.data(), bytes.size()});
}

/// Kind, size and bytes of each column.
Digest digest_of(const Statement& row) {
  Sha256 hash;
  for (int column = 0; column < row.columns(); ++column) {
    const ColumnKind kind = row.kind(column);
    add_number(hash, static_cast<std::uint64_t>(kind));
    if (kind == ColumnKind::integer) add_number(hash, static_cast<std::uint64_t>(row.integer(column)));
    if (kind == ColumnKind::real) add_number(hash, std::bit_cast<std::uint64_t>(row.real(column)));
    if (kind != ColumnKind::text && kind != ColumnKind::blob) continue;
    const std::string_view bytes = row.text(column);
    add_number(hash, bytes.size());
    hash.update(bytes);
  }
  return hash.finish();
}

void combine(Digest& sum, const Digest& other) {
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] ^= other[i];
}

Result<RowDigest> digest_of(const Database& database, const DigestedTable& table) {
  HOLISAFE_TRY(Statement row, database.prepare(table.all));
  RowDigest out;
  while (true) {
    HOLISAFE_TRY(const bool found, row.step());
    if (!found) return out;
    out.add(row);
  }
}

Result<void> keep(const Database& database, const DigestedTable& table, const RowDigest& digest) {
  HOLISAFE_TRY(Statement statement,
               database.prepare("INSERT INTO key_values (key, value) VALUES (?, ?) "
                                "ON CONFLICT (key) DO UPDATE SET value = excluded.value"));
  return statement.bind(table.key).bind(digest.text()).run();
}

Result<std::optional<std::string>> kept(const Database& database, const DigestedTable& table) {
  HOLISAFE_TRY(Statement statement, database.prepare("SELECT value FROM key_values WHERE key = ?"));
  HOLISAFE_TRY(const bool found, statement.bind(table.key).step());
  return found ? std::optional<std::string>(statement.text(0)) : std::nullopt;
}

/// Of a text as RowDigest::text() makes it.
std::optional<RowDigest> parse(std::string_view text) {
  RowDigest out;
  const char* end = text.data() + text.size();
  // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): its end stands beside it
  const auto rows = std::from_chars(text.data(), end, out.rows);
  constexpr int hexadecimal = 16;
  const char* at = rows.ptr + 1;
  if (rows.ec != std::errc() || end - rows.ptr != 1 + 2 * static_cast<std::ptrdiff_t>(out.sum.size()))
    return std::nullopt;
  for (std::byte& byte : out.sum) {
    unsigned value = 0;
    if (std::from_chars(at, at + 2, value, hexadecimal).ptr != at + 2) return std::nullopt;
    byte = std::byte(value);
    at += 2;
  }
  return out.text() == text ? std::optional(out) : std::nullopt;
}

}  // namespace

void RowDigest::add(const Statement& row) {
  ++rows;
  combine(sum, digest_of(row));
}

void RowDigest::take_away(const Statement& row) {
  --rows;
  combine(sum, digest_of(row));
}

std::string RowDigest::text() const { return fmt::format("{} {}", rows, hex(sum)); }

Result<void> keep_digests(const Database& database) {
  for (const DigestedTable* table : digested_tables) {
    HOLISAFE_TRY(const RowDigest digest, digest_of(database, *table));
    HOLISAFE_CHECK(keep(database, *table, digest));
  }
  return {};
}

Result<void> check_digests(const Database& database) {
  for (const DigestedTable* table : digested_tables) {
    HOLISAFE_TRY(const auto expected, kept(database, *table));
    if (!expected) continue;
    HOLISAFE_TRY(const RowDigest found, digest_of(database, *table));
    if (found.text() == *expected) continue;
    return fail(ErrorKind::malformed, "damaged run store",
                fmt::format("{}: {}", database.where(), std::string_view(table->key).substr(7)),
                fmt::format("expected the {} rows that were written, found {} that are not the same",
                            expected->substr(0, std::min(expected->find(' '), std::size_t{20})), found.rows));
  }
  return {};
}

Result<WrittenRows> WrittenRows::begin(const Database& database, const DigestedTable& table) {
  HOLISAFE_TRY(Statement row, database.prepare(table.one_row));
  HOLISAFE_TRY(const auto text, kept(database, table));
  WrittenRows out(database, table, std::move(row));
  if (!text) return out;
  out.digest_ = parse(*text);
  if (!out.digest_) {
    return fail(ErrorKind::malformed, "damaged run store", database.where(),
                fmt::format("expected a number and a digest under {}, found something else", table.key));
  }
  return out;
}

Result<void> WrittenRows::before(Statement& row) {
  HOLISAFE_TRY(const bool found, row.step());
  if (found && digest_) digest_->take_away(row);
  return row.run();
}

Result<void> WrittenRows::after(Statement& row) {
  HOLISAFE_TRY(const bool found, row.step());
  if (found && digest_) digest_->add(row);
  return row.run();
}

Result<void> WrittenRows::keep() {
  return digest_ ? store::keep(*database_, *table_, *digest_) : Result<void>();
}

}  // namespace holisafe::store
