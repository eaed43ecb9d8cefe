#include "verdicts/guard_tables.h"

#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "store/tables.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::verdicts {
namespace {

constexpr const char* error_definitions =
    "error_kind TEXT, error_what TEXT, error_where TEXT, error_detail TEXT";

/// The name of each class with what follows it.
std::string for_each_class(const char* ending) {
  std::string out;
  for (const auto& each : taxonomy::classes()) out += fmt::format("{}{}", each.name, ending);
  return out;
}

std::optional<ErrorKind> kind_named(std::string_view text) {
  for (int i = 0; i <= static_cast<int>(ErrorKind::internal); ++i) {
    const auto kind = static_cast<ErrorKind>(i);
    if (name(kind) == text) return kind;
  }
  return std::nullopt;
}

Result<void> read_size(store::Columns& columns, const char* name, int& out) {
  std::optional<std::int64_t> found;
  HOLISAFE_CHECK(columns.integer_or_null(name, 1, std::numeric_limits<int>::max(), found));
  out = static_cast<int>(found.value_or(0));
  return {};
}

/// Label and scores; nothing where there are none.
Result<void> read_verdict(store::Columns& columns, std::optional<taxonomy::Verdict>& out) {
  std::optional<std::int64_t> label;
  HOLISAFE_CHECK(columns.integer_or_null("label", 0, taxonomy::class_count - 1, label));
  if (label) out.emplace().label = static_cast<std::size_t>(*label);
  for (std::size_t i = 0; i < taxonomy::class_count; ++i) {
    std::optional<double> score;
    const std::string_view name = taxonomy::classes()[i].name;
    HOLISAFE_CHECK(columns.number_or_null(name, score));
    if (score.has_value() != out.has_value() || (score && (*score < 0 || *score > 1)))
      return fail(columns.damaged(name, out ? "a probability" : "nothing, as of the label"));
    if (score) out->scores[i] = *score;
  }
  return {};
}

}  // namespace

std::string guard_tables() {
  return store::lasting_tables() + fmt::format(R"(
CREATE TABLE places (number INTEGER PRIMARY KEY, path BLOB NOT NULL);
CREATE TABLE contents (number INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, width INTEGER,
  height INTEGER, label INTEGER, {}{});
CREATE TABLE files (path BLOB PRIMARY KEY, bytes INTEGER, modified INTEGER, gone INTEGER NOT NULL,
  pending INTEGER NOT NULL, seen INTEGER NOT NULL, content INTEGER, {}) WITHOUT ROWID;
CREATE INDEX files_of_content ON files (content, gone);
CREATE TABLE pooled (content INTEGER PRIMARY KEY, vector BLOB NOT NULL);
)",
                                               for_each_class(" REAL, "), error_definitions,
                                               error_definitions);
}

Result<void> make_guard_tables(const store::Database& database) {
  HOLISAFE_TRY(store::Transaction transaction, store::Transaction::begin(database));
  HOLISAFE_CHECK(
      database.run(fmt::format("{} PRAGMA user_version = {};", guard_tables(), guard_version).c_str()));
  return transaction.commit();
}

std::string error_columns(const std::string& table) {
  return fmt::format("{0}.error_kind, {0}.error_what, {0}.error_where, {0}.error_detail", table);
}

std::string content_columns() {
  std::string out = "contents.sha256, contents.width, contents.height, contents.label, ";
  for (const auto& each : taxonomy::classes()) out += fmt::format("contents.{}, ", each.name);
  return out + error_columns("contents");
}

Result<void> read_error(store::Columns& columns, std::optional<Error>& out) {
  std::optional<std::string> kind;
  std::optional<std::string> what;
  std::optional<std::string> where;
  std::optional<std::string> detail;
  HOLISAFE_CHECK(columns.text_or_null("error_kind", kind));
  const auto known = kind ? kind_named(*kind) : std::nullopt;
  if (kind && !known) return fail(columns.damaged("error_kind", "a kind of error"));
  HOLISAFE_CHECK(columns.text_or_null("error_what", what));
  HOLISAFE_CHECK(columns.text_or_null("error_where", where));
  HOLISAFE_CHECK(columns.text_or_null("error_detail", detail));
  out.reset();
  if (known) out = Error{*known, what.value_or(""), where.value_or(""), detail.value_or("")};
  return {};
}

Result<void> read_content(store::Columns& columns, ContentRow& out) {
  std::optional<std::string_view> sum;
  HOLISAFE_CHECK(columns.bytes_or_null("sha256", Digest().size(), sum));
  out.sha256.reset();
  if (sum) std::memcpy(out.sha256.emplace().data(), sum->data(), sum->size());
  HOLISAFE_CHECK(read_size(columns, "width", out.width));
  HOLISAFE_CHECK(read_size(columns, "height", out.height));
  std::optional<taxonomy::Verdict> verdict;
  HOLISAFE_CHECK(read_verdict(columns, verdict));
  std::optional<Error> error;
  HOLISAFE_CHECK(read_error(columns, error));
  if (sum && verdict.has_value() == error.has_value())
    return fail(columns.damaged("error_detail", "a verdict or an error"));
  if (error) out.verdict = fail(*std::move(error));
  if (verdict) out.verdict = *verdict;
  return {};
}

void bind_error(store::Statement& statement, const Error* error) {
  const auto text = [&](const std::string& value) {
    return error != nullptr ? std::optional<std::string>(as_utf8(value)) : std::nullopt;
  };
  static const Error none;
  const Error& shown = error != nullptr ? *error : none;
  statement.bind_or_null(text(std::string(name(shown.kind)))).bind_or_null(text(shown.what));
  statement.bind_or_null(text(shown.where)).bind_or_null(text(shown.detail));
}

void bind_content(store::Statement& statement, const ContentRow& content) {
  const Digest& sum = *content.sha256;
  statement.bind_bytes({reinterpret_cast<const char*>(sum.data()), sum.size()});
  for (const int size : {content.width, content.height})
    statement.bind_or_null(size > 0 ? std::optional<std::int64_t>(size) : std::nullopt);
  const auto& verdict = content.verdict;
  statement.bind_or_null(verdict ? std::optional<std::int64_t>(verdict->label) : std::nullopt);
  for (std::size_t i = 0; i < taxonomy::class_count; ++i)
    statement.bind_or_null(verdict ? std::optional<double>(verdict->scores[i]) : std::nullopt);
  bind_error(statement, verdict ? nullptr : &verdict.error());
}

Error without_path(Error error, const std::string& path) {
  constexpr std::string_view between = ": ";
  if (error.where == path) {
    error.where.clear();
  } else if (error.where.starts_with(path + std::string(between))) {
    error.where.erase(0, path.size() + between.size());
  }
  return error;
}

Error with_path(Error error, const std::string& path) {
  error.where = error.where.empty() ? path : path + ": " + error.where;
  return error;
}

}  // namespace holisafe::verdicts
