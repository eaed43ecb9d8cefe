// SQLite, as far as the run store needs it.
//
//   HOLISAFE_TRY(Database database, Database::open(path, Access::write));
//   HOLISAFE_TRY(Statement statement, database.prepare("SELECT text FROM answers WHERE position = ?"));
//   statement.bind(7);
//   HOLISAFE_TRY(const bool found, statement.step());
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace holisafe::store {

enum class Access {
  read,   ///< the database must exist
  write,  ///< it is made if it does not exist
};

/// What SQLite holds in a column of a row, whatever the column was declared as.
enum class ColumnKind { null, integer, real, text, blob };

/// A prepared statement. Parameters are bound in order; a failed binding is reported by the next step. Lives
/// no longer than its Database. One thread at a time.
class Statement {
 public:
  Statement& bind(std::int64_t value);
  Statement& bind(std::string_view text);
  Statement& bind_bytes(std::string_view bytes);
  Statement& bind_or_null(const std::optional<std::string>& text);
  Statement& bind_or_null(std::optional<std::int64_t> value);
  Statement& bind_or_null(std::optional<double> value);

  /// True: there is a row, whose columns can be read until the next step. Errors: those of Database.
  Result<bool> step();
  /// For statements without rows: runs to the end and makes ready for the next bindings.
  Result<void> run();

  [[nodiscard]] int columns() const;
  [[nodiscard]] ColumnKind kind(int column) const;
  [[nodiscard]] bool is_null(int column) const { return kind(column) == ColumnKind::null; }
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;
  /// Of text or bytes; valid until the next step. May hold NUL.
  [[nodiscard]] std::string_view text(int column) const;
  /// The database's file, for messages.
  [[nodiscard]] const std::string& where() const { return where_; }

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  void note(int code);
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int next_ = 1;
  int failed_ = 0;
  std::string where_;
};

/// A connection to a file that anybody may have made: what its schema holds is not run (no views, triggers,
/// extensions, functions with side effects), a row takes at most `most_row_bytes`. Reading leaves nothing in
/// the folder and needs no room there. One thread at a time.
///
/// Errors of all functions: io, out_of_space, out_of_memory, permission, malformed (not a database, damaged),
/// too_large (a row), duplicate (a constraint), internal.
class Database {
 public:
  static constexpr int most_row_bytes = 64 << 20;

  /// Further errors: not_found (read access); unexpected (a link in the place of one of SQLite's own files).
  static Result<Database> open(const std::filesystem::path& path, Access access);
  /// An empty one without a file.
  static Result<Database> in_memory();
  /// An empty one in a file without a name, where temporary files are, which goes with it.
  static Result<Database> temporary();

  /// Has what a commit wrote on disk when it returns, and lets others read meanwhile. Before the first
  /// writing; changes the file.
  Result<void> prepare_for_writing() const;

  /// Its file, for messages.
  [[nodiscard]] const std::string& where() const { return where_; }

  Result<Statement> prepare(std::string_view sql) const;
  /// Statements without parameters and rows, separated by semicolons.
  Result<void> run(const char* sql) const;

 private:
  struct Close {
    void operator()(sqlite3* connection) const;
  };
  static Result<Database> connect(const std::string& name, std::string where, int flags);
  std::unique_ptr<sqlite3, Close> connection_;
  std::string where_;
};

/// Everything between construction and commit() or nothing.
class Transaction {
 public:
  static Result<Transaction> begin(const Database& database);
  Transaction(Transaction&& other) noexcept : database_(other.database_) { other.database_ = nullptr; }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();  ///< rolls back what was not committed
  Result<void> commit();

 private:
  explicit Transaction(const Database& database) : database_(&database) {}
  const Database* database_;
};

}  // namespace holisafe::store
