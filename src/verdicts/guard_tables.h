// The tables of a guard run's store, and reading their rows.
//
// files: a path, what was seen of the file, and the content it holds; `pending`: to be read by the command
// under way. contents: what is known of a SHA-256: size, the score of each class in a column of its own, or
// an error. pooled: the vectors that scores were made from. places: 0 is the folder that relative paths start
// from, then the trees.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "store/columns.h"
#include "store/database.h"
#include "verdicts/guard_store.h"

namespace holisafe::verdicts {

inline constexpr std::int64_t guard_version = 1;

/// SQL that makes the tables of this version.
std::string guard_tables();

/// In an empty database. One transaction.
Result<void> make_guard_tables(const store::Database& database);

/// Names of the columns of a verdict or its error, in the order in which they are read and written: sha256,
/// width, height, label, a score for each class; then the error's. Of `contents`.
std::string content_columns();
/// kind, what, where, detail of an error behind a table's name: "files.error_kind, …".
std::string error_columns(const std::string& table);

/// Of error_columns(); nothing where there is none. `where` is what follows the path.
Result<void> read_error(store::Columns& columns, std::optional<Error>& out);

/// Of content_columns().
Result<void> read_content(store::Columns& columns, ContentRow& out);

/// Binds content_columns().
void bind_content(store::Statement& statement, const ContentRow& content);
/// Binds error_columns().
void bind_error(store::Statement& statement, const Error* error);

/// An error of a file's content, as it is kept: what of `where` follows the path; and back again.
Error without_path(Error error, const std::string& path);
Error with_path(Error error, const std::string& path);

}  // namespace holisafe::verdicts
