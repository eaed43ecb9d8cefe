#include "verdicts/guard_writer.h"

#include <utility>

#include <fmt/format.h>

#include "taxonomy/taxonomy.h"

namespace holisafe::verdicts {
namespace {

/// Of a listing: what a kill may cost again, and what waits in the log.
constexpr std::size_t rows_a_commit = 20'000;
constexpr std::size_t rows_a_page = 1'000;

void bind_stamp(store::Statement& statement, const std::optional<FileStamp>& stamp) {
  statement.bind_or_null(stamp ? std::optional(stamp->bytes) : std::nullopt);
  statement.bind_or_null(stamp ? std::optional(stamp->modified) : std::nullopt);
}

constexpr const char* error_names = "error_kind, error_what, error_where, error_detail";
constexpr const char* no_error =
    "error_kind = NULL, error_what = NULL, error_where = NULL, error_detail = NULL";
constexpr const char* this_error =
    "error_kind = excluded.error_kind, error_what = excluded.error_what, error_where = excluded.error_where, "
    "error_detail = excluded.error_detail";

std::string add_sql() {
  std::string names = "number, sha256, width, height, label";
  for (const auto& each : taxonomy::classes()) names += fmt::format(", {}", each.name);
  std::string places = "?";
  for (std::size_t i = 1; i < 5 + taxonomy::class_count + 4; ++i) places += ", ?";
  return fmt::format("INSERT INTO contents ({}, {}) VALUES ({})", names, error_names, places);
}

/// A file with the stamp that it had when it was read stays as it is.
std::string list_sql() {
  constexpr const char* same =
      "content IS NOT NULL AND bytes IS excluded.bytes AND modified IS excluded.modified";
  return fmt::format(
      "INSERT INTO files (path, bytes, modified, gone, pending, seen) VALUES (?, ?, ?, 0, 1, ?) "
      "ON CONFLICT (path) DO UPDATE SET seen = excluded.seen, gone = 0, "
      "pending = CASE WHEN {0} THEN 0 ELSE 1 END, content = CASE WHEN {0} THEN content END, "
      "bytes = excluded.bytes, modified = excluded.modified, {1}",
      same, no_error);
}

/// What was read once of a file that is not there now is left to end_listing().
constexpr const char* list_missing_sql =
    "INSERT INTO files (path, gone, pending, seen) VALUES (?, 0, 1, ?) ON CONFLICT (path) DO UPDATE SET "
    "seen = excluded.seen, gone = 0, pending = 1 WHERE content IS NULL";

std::string read_sql() {
  return fmt::format("UPDATE files SET bytes = ?, modified = ?, content = ?, pending = 0, {} WHERE path = ?",
                     no_error);
}

std::string list_error_sql() {
  return fmt::format(
      "INSERT INTO files (path, gone, pending, seen, {}) VALUES (?, 0, 0, ?, ?, ?, ?, ?) "
      "ON CONFLICT (path) DO UPDATE SET seen = excluded.seen, gone = 0, pending = 0, content = NULL, "
      "bytes = NULL, modified = NULL, {}",
      error_names, this_error);
}

std::string copy_sql() {
  return fmt::format(
      "INSERT INTO files (path, bytes, modified, gone, pending, seen, content, {}) "
      "VALUES (?, ?, ?, ?, 0, 0, ?, ?, ?, ?, ?) "
      "ON CONFLICT (path) DO UPDATE SET bytes = excluded.bytes, modified = excluded.modified, "
      "gone = excluded.gone, pending = 0, content = excluded.content, {}",
      error_names, this_error);
}

Result<std::int64_t> largest(const store::Database& database, const char* sql) {
  HOLISAFE_TRY(store::Statement statement, database.prepare(sql));
  HOLISAFE_TRY(const bool found, statement.step());
  return found ? statement.integer(0) : 0;
}

}  // namespace

Result<GuardWriter> GuardWriter::begin(const GuardStore& guard_store) {
  const store::Database& database = guard_store.database();
  HOLISAFE_TRY(auto list, database.prepare(list_sql()));
  HOLISAFE_TRY(auto list_missing, database.prepare(list_missing_sql));
  HOLISAFE_TRY(auto list_error, database.prepare(list_error_sql()));
  HOLISAFE_TRY(auto known, database.prepare(fmt::format("SELECT number, {} FROM contents WHERE sha256 = ?",
                                                        content_columns())));
  HOLISAFE_TRY(auto add, database.prepare(add_sql()));
  HOLISAFE_TRY(auto pooled, database.prepare("INSERT INTO pooled (content, vector) VALUES (?, ?)"));
  HOLISAFE_TRY(auto read, database.prepare(read_sql()));
  HOLISAFE_TRY(auto failed,
               database.prepare("UPDATE files SET bytes = ?, modified = ?, content = NULL, pending = 0, "
                                "error_kind = ?, error_what = ?, error_where = ?, error_detail = ? "
                                "WHERE path = ?"));
  HOLISAFE_TRY(auto copy, database.prepare(copy_sql()));
  HOLISAFE_TRY(const std::int64_t last, largest(database, "SELECT coalesce(max(number), 0) FROM contents"));
  return GuardWriter(database,
                     {std::move(list), std::move(list_missing), std::move(list_error), std::move(known),
                      std::move(add), std::move(pooled), std::move(read), std::move(failed), std::move(copy)},
                     last);
}

Result<void> GuardWriter::begin_writing() {
  if (transaction_) return {};
  HOLISAFE_TRY(auto transaction, store::Transaction::begin(*database_));
  transaction_.emplace(std::move(transaction));
  return {};
}

Result<void> GuardWriter::commit() {
  listed_ = 0;
  if (!transaction_) return {};
  auto done = transaction_->commit();
  transaction_.reset();
  return done;
}

Result<void> GuardWriter::commit_after_many() {
  return ++listed_ < rows_a_commit ? Result<void>() : commit();
}

Result<void> GuardWriter::begin_listing(const std::string& start, const std::vector<std::string>& trees) {
  HOLISAFE_TRY(command_, largest(*database_, "SELECT coalesce(max(seen), 0) FROM files"));
  ++command_;
  HOLISAFE_CHECK(begin_writing());
  HOLISAFE_TRY(auto place, database_->prepare("INSERT INTO places (number, path) VALUES (0, ?) "
                                              "ON CONFLICT (number) DO UPDATE SET path = excluded.path"));
  HOLISAFE_CHECK(place.bind_bytes(start).run());
  HOLISAFE_TRY(auto tree,
               database_->prepare("INSERT INTO places (number, path) "
                                  "SELECT (SELECT max(number) + 1 FROM places), ?1 WHERE NOT EXISTS "
                                  "(SELECT 1 FROM places WHERE number > 0 AND path = ?1)"));
  for (const std::string& path : trees) HOLISAFE_CHECK(tree.bind_bytes(path).run());
  return commit();
}

Result<void> GuardWriter::list(const std::string& path, const std::optional<FileStamp>& stamp) {
  HOLISAFE_CHECK(begin_writing());
  store::Statement& statement = stamp ? statements_->list : statements_->list_missing;
  statement.bind_bytes(path);
  if (stamp) bind_stamp(statement, stamp);
  HOLISAFE_CHECK(statement.bind(command_).run());
  return commit_after_many();
}

Result<void> GuardWriter::list(const std::string& path, const Error& error) {
  HOLISAFE_CHECK(begin_writing());
  const Error kept = without_path(error, path);
  bind_error(statements_->list_error.bind_bytes(path).bind(command_), &kept);
  HOLISAFE_CHECK(statements_->list_error.run());
  return commit_after_many();
}

Result<std::vector<std::string>> GuardWriter::unseen_after(const std::string& path) const {
  HOLISAFE_TRY(auto statement, database_->prepare("SELECT path FROM files WHERE path > ? AND seen <> ? "
                                                  "ORDER BY path LIMIT ?"));
  statement.bind_bytes(path).bind(command_).bind(static_cast<std::int64_t>(rows_a_page));
  std::vector<std::string> out;
  while (true) {
    HOLISAFE_TRY(const bool found, statement.step());
    if (!found) return out;
    out.emplace_back(statement.text(0));
  }
}

Result<void> GuardWriter::end_listing(const std::function<bool(const std::string& path)>& is_gone) {
  HOLISAFE_TRY(auto forget,
               database_->prepare("DELETE FROM files WHERE path = ? AND content IS NULL AND bytes IS NULL"));
  HOLISAFE_TRY(auto forget_unread, database_->prepare("DELETE FROM files WHERE path = ? AND pending = 1"));
  HOLISAFE_TRY(auto gone, database_->prepare("UPDATE files SET gone = ? WHERE path = ? AND gone <> ?"));
  std::string last;
  while (true) {
    HOLISAFE_TRY(const auto paths, unseen_after(last));
    if (paths.empty()) return commit();
    HOLISAFE_CHECK(begin_writing());
    for (const std::string& path : paths) {
      const std::int64_t now = is_gone(path) ? 1 : 0;
      HOLISAFE_CHECK(forget.bind_bytes(path).run());
      if (now == 1) HOLISAFE_CHECK(forget_unread.bind_bytes(path).run());
      HOLISAFE_CHECK(gone.bind(now).bind_bytes(path).bind(now).run());
    }
    last = paths.back();
  }
}

Result<std::vector<std::string>> GuardWriter::pending_after(const std::string& path, std::size_t most) {
  HOLISAFE_TRY(auto statement, database_->prepare("SELECT path FROM files WHERE path > ? AND pending = 1 "
                                                  "ORDER BY path LIMIT ?"));
  statement.bind_bytes(path).bind(static_cast<std::int64_t>(most));
  std::vector<std::string> out;
  while (true) {
    HOLISAFE_TRY(const bool found, statement.step());
    if (!found) return out;
    out.emplace_back(statement.text(0));
  }
}

Result<std::optional<GuardWriter::Known>> GuardWriter::known(const Digest& sha256) {
  store::Statement& statement = statements_->known;
  statement.bind_bytes({reinterpret_cast<const char*>(sha256.data()), sha256.size()});
  HOLISAFE_TRY(const bool found, statement.step());
  std::optional<Known> out;
  if (found) {
    store::Columns columns(statement, "contents", std::nullopt);
    HOLISAFE_CHECK(columns.integer("number", 1, store::largest_integer, out.emplace().number));
    HOLISAFE_CHECK(read_content(columns, out->row));
  }
  HOLISAFE_CHECK(statement.run());  // to its end, so that it can be bound again
  return out;
}

Result<std::int64_t> GuardWriter::add(const ContentRow& content, std::span<const float> pooled) {
  HOLISAFE_CHECK(begin_writing());
  const std::int64_t number = last_content_ + 1;
  bind_content(statements_->add.bind(number), content);
  HOLISAFE_CHECK(statements_->add.run());
  if (!pooled.empty()) {
    const auto bytes = std::as_bytes(pooled);
    statements_->pooled.bind(number).bind_bytes({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    HOLISAFE_CHECK(statements_->pooled.run());
  }
  last_content_ = number;
  return number;
}

Result<void> GuardWriter::read(const std::string& path, const std::optional<FileStamp>& stamp,
                               std::int64_t content) {
  HOLISAFE_CHECK(begin_writing());
  bind_stamp(statements_->read, stamp);
  return statements_->read.bind(content).bind_bytes(path).run();
}

Result<void> GuardWriter::failed(const std::string& path, const std::optional<FileStamp>& stamp,
                                 const Error& error) {
  HOLISAFE_CHECK(begin_writing());
  bind_stamp(statements_->failed, stamp);
  bind_error(statements_->failed, &error);
  return statements_->failed.bind_bytes(path).run();
}

Result<void> GuardWriter::copy(const Line& line, std::int64_t content) {
  HOLISAFE_CHECK(begin_writing());
  store::Statement& statement = statements_->copy;
  bind_stamp(statement.bind_bytes(line.path), line.stamp);
  statement.bind(std::int64_t{line.gone ? 1 : 0});
  statement.bind_or_null(line.sha256 ? std::optional(content) : std::nullopt);
  std::optional<Error> error;
  if (!line.sha256 && !line.verdict) error = without_path(line.verdict.error(), line.path);
  bind_error(statement, error ? &*error : nullptr);
  HOLISAFE_CHECK(statement.run());
  return commit_after_many();
}

}  // namespace holisafe::verdicts
