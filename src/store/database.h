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

/// A prepared statement. Parameters are bound in order; a failed binding is reported by the next step. Lives
/// no longer than its Database. One thread at a time.
class Statement {
 public:
  Statement& bind(std::int64_t value);
  Statement& bind(std::string_view text);
  Statement& bind_or_null(const std::optional<std::string>& text);
  Statement& bind_or_null(std::optional<std::int64_t> value);
  Statement& bind_or_null(std::optional<double> value);

  /// True: there is a row, whose columns can be read until the next step. Errors: those of Database.
  Result<bool> step();
  /// For statements without rows: runs to the end and makes ready for the next bindings.
  Result<void> run();

  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;
  /// Valid until the next step. Text may hold NUL.
  [[nodiscard]] std::string_view text(int column) const;

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

/// A connection. Write access puts the database in WAL mode with a sync at each commit: what a commit wrote
/// is on disk when it returns. One thread at a time.
///
/// Errors of all functions: io, out_of_space, out_of_memory, permission, malformed (not a database, damaged),
/// duplicate (a constraint), internal.
class Database {
 public:
  static Result<Database> open(const std::filesystem::path& path, Access access);

  Result<Statement> prepare(std::string_view sql) const;
  /// Statements without parameters and rows, separated by semicolons.
  Result<void> run(const char* sql) const;

 private:
  struct Close {
    void operator()(sqlite3* connection) const;
  };
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
