#include "store/database.h"

#include <array>
#include <utility>

#include <fmt/format.h>
#include <sqlite3.h>

#include "base/error.h"
#include "store/database_files.h"

namespace holisafe::store {
namespace {

constexpr int busy_wait_ms = 10'000;

ErrorKind kind_of(int code) {
  switch (code & 0xff) {
    case SQLITE_FULL:
      return ErrorKind::out_of_space;
    case SQLITE_NOMEM:
      return ErrorKind::out_of_memory;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
      return ErrorKind::permission;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return ErrorKind::malformed;
    case SQLITE_TOOBIG:
      return ErrorKind::too_large;
    case SQLITE_CONSTRAINT:
      return ErrorKind::duplicate;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return ErrorKind::io;
    default:
      return ErrorKind::internal;
  }
}

Error database_error(int code, const std::string& where, const char* said) {
  const ErrorKind kind = kind_of(code);
  return {kind, kind == ErrorKind::malformed ? "damaged run store" : "run store", where,
          said != nullptr ? said : ::sqlite3_errstr(code)};
}

/// What a file that somebody else made may not do, and the limits on what it holds.
void confine(sqlite3* connection) {
  constexpr std::array<std::pair<int, int>, 5> settings{{{SQLITE_DBCONFIG_DEFENSIVE, 1},
                                                         {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
                                                         {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
                                                         {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
                                                         {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0}}};
  for (const auto& [setting, on] : settings) ::sqlite3_db_config(connection, setting, on, nullptr);
  constexpr std::array<std::pair<int, int>, 3> limits{{{SQLITE_LIMIT_LENGTH, Database::most_row_bytes},
                                                       {SQLITE_LIMIT_SQL_LENGTH, 1 << 20},
                                                       {SQLITE_LIMIT_ATTACHED, 0}}};
  for (const auto& [limit, most] : limits) ::sqlite3_limit(connection, limit, most);
  ::sqlite3_extended_result_codes(connection, 1);
  ::sqlite3_busy_timeout(connection, busy_wait_ms);
}

/// A path as a URI of SQLite, of a database that nobody changes: needs no file beside it, so that a run in a
/// folder without write permission can be read.
std::string immutable_uri(const std::string& path) {
  std::string out = "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      out += fmt::format("%{:02x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + "?immutable=1";
}

}  // namespace

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { ::sqlite3_finalize(statement); }
void Database::Close::operator()(sqlite3* connection) const { ::sqlite3_close_v2(connection); }

void Statement::note(int code) {
  if (code != SQLITE_OK && failed_ == SQLITE_OK) failed_ = code;
}

Statement& Statement::bind(std::int64_t value) {
  note(::sqlite3_bind_int64(statement_.get(), next_++, value));
  return *this;
}

Statement& Statement::bind(std::string_view text) {
  const char* data = text.data() != nullptr ? text.data() : "";
  note(::sqlite3_bind_text64(statement_.get(), next_++, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind_bytes(std::string_view bytes) {
  const char* data = bytes.data() != nullptr ? bytes.data() : "";
  note(::sqlite3_bind_blob64(statement_.get(), next_++, data, bytes.size(), SQLITE_TRANSIENT));
  return *this;
}

Statement& Statement::bind_or_null(const std::optional<std::string>& text) {
  if (text) return bind(std::string_view(*text));
  note(::sqlite3_bind_null(statement_.get(), next_++));
  return *this;
}

Statement& Statement::bind_or_null(std::optional<std::int64_t> value) {
  if (value) return bind(*value);
  note(::sqlite3_bind_null(statement_.get(), next_++));
  return *this;
}

Statement& Statement::bind_or_null(std::optional<double> value) {
  const int place = next_++;
  note(value ? ::sqlite3_bind_double(statement_.get(), place, *value)
             : ::sqlite3_bind_null(statement_.get(), place));
  return *this;
}

Result<bool> Statement::step() {
  if (failed_ != SQLITE_OK) return fail(database_error(failed_, where_, nullptr));
  const int code = ::sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return fail(database_error(code, where_, ::sqlite3_errmsg(::sqlite3_db_handle(statement_.get()))));
}

Result<void> Statement::run() {
  auto stepped = step();
  while (stepped && *stepped) stepped = step();
  ::sqlite3_reset(statement_.get());
  next_ = 1;
  failed_ = SQLITE_OK;
  if (!stepped) return fail(stepped.error());
  return {};
}

int Statement::columns() const { return ::sqlite3_column_count(statement_.get()); }

ColumnKind Statement::kind(int column) const {
  switch (::sqlite3_column_type(statement_.get(), column)) {
    case SQLITE_INTEGER:
      return ColumnKind::integer;
    case SQLITE_FLOAT:
      return ColumnKind::real;
    case SQLITE_TEXT:
      return ColumnKind::text;
    case SQLITE_BLOB:
      return ColumnKind::blob;
    default:
      return ColumnKind::null;
  }
}

std::int64_t Statement::integer(int column) const { return ::sqlite3_column_int64(statement_.get(), column); }
double Statement::real(int column) const { return ::sqlite3_column_double(statement_.get(), column); }
std::string_view Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(::sqlite3_column_text(statement_.get(), column));
  const int bytes = ::sqlite3_column_bytes(statement_.get(), column);
  return text == nullptr ? std::string_view() : std::string_view(text, static_cast<std::size_t>(bytes));
}

Result<Database> Database::connect(const std::string& name, std::string where, int flags) {
  Database out;
  out.where_ = std::move(where);
  sqlite3* connection = nullptr;
  const int opened = ::sqlite3_open_v2(name.c_str(), &connection, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  out.connection_.reset(connection);
  if (opened != SQLITE_OK) {
    return fail(
        database_error(opened, out.where_, connection != nullptr ? ::sqlite3_errmsg(connection) : nullptr));
  }
  confine(connection);
  HOLISAFE_CHECK(out.run("PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;"));
  return out;
}

Result<Database> Database::open(const std::filesystem::path& path, Access access) {
  const std::string where = path.string();
  std::error_code code;
  if (access == Access::read && !std::filesystem::exists(path, code))
    return fail(ErrorKind::not_found, "no run", where, "expected a run's database, found none");
  HOLISAFE_CHECK(check_files_beside(path, access));
  if (access == Access::write) return connect(where, where, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  // A reader opens for writing too: only such a connection can tidy up the log that a killed run left.
  if (has_room_beside(path)) return connect(where, where, SQLITE_OPEN_READWRITE);
  if (!has_log(path)) return connect(immutable_uri(where), where, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
  // Alone with the file, SQLite needs no index of the log beside it.
  HOLISAFE_TRY(Database out, connect(where, where, SQLITE_OPEN_READWRITE));
  HOLISAFE_CHECK(out.run("PRAGMA locking_mode = EXCLUSIVE"));
  return out;
}

Result<Database> Database::in_memory() {
  return connect(":memory:", ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
}

Result<Database> Database::temporary() {
  // SQLite's name for a file without one, whose journal, if it needs one, has none either.
  return connect("", "a temporary file", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
}

Result<void> Database::prepare_for_writing() const {
  return run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
}

Result<Statement> Database::prepare(std::string_view sql) const {
  Statement out;
  out.where_ = where_;
  sqlite3_stmt* statement = nullptr;
  const int code =
      ::sqlite3_prepare_v2(connection_.get(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
  out.statement_.reset(statement);
  if (code != SQLITE_OK) return fail(database_error(code, where_, ::sqlite3_errmsg(connection_.get())));
  return out;
}

Result<void> Database::run(const char* sql) const {
  const int code = ::sqlite3_exec(connection_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return fail(database_error(code, where_, ::sqlite3_errmsg(connection_.get())));
  return {};
}

Result<Transaction> Transaction::begin(const Database& database) {
  HOLISAFE_CHECK(database.run("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Transaction::~Transaction() {
  // A failed rollback leaves nothing behind either: the next opening finds no commit.
  if (database_ != nullptr) static_cast<void>(database_->run("ROLLBACK"));
}

Result<void> Transaction::commit() {
  HOLISAFE_CHECK(database_->run("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace holisafe::store
