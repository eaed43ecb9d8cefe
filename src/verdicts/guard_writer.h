// Filling a guard run's store: the command lists what there is, then reads and judges what it does not know.
//
//   HOLISAFE_TRY(GuardWriter writer, GuardWriter::begin(store));
//   HOLISAFE_CHECK(writer.begin_listing(start, trees));
//   for (found) HOLISAFE_CHECK(writer.list(path, stamp));
//   HOLISAFE_CHECK(writer.end_listing(is_gone));
//   HOLISAFE_TRY(const auto paths, writer.pending_after("", 64));
//   …
//   HOLISAFE_TRY(const auto known, writer.known(sha256));
//   std::int64_t content = known ? known->number : -1;
//   if (!known) HOLISAFE_TRY(content, writer.add(row, pooled));
//   HOLISAFE_CHECK(writer.read(path, stamp, content));
//   HOLISAFE_CHECK(writer.commit());                        // on disk when it returns
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/database.h"
#include "verdicts/guard_store.h"
#include "verdicts/guard_tables.h"

namespace holisafe::verdicts {

/// What is written counts from commit() on; listing commits by itself as it goes. After a kill at any moment
/// the store is as after some commit. Movable; lives no longer than its store; one thread at a time. Errors
/// of all functions: those of Database; malformed.
class GuardWriter {
 public:
  static Result<GuardWriter> begin(const GuardStore& store);

  /// `start`: the folder that relative paths start from. Trees are added to those of earlier commands.
  Result<void> begin_listing(const std::string& start, const std::vector<std::string>& trees);
  /// A file. It is to be read unless it was, and has the same stamp. Without a stamp it could not be looked
  /// at, or is not there: it is to be read unless it was once.
  Result<void> list(const std::string& path, const std::optional<FileStamp>& stamp);
  /// A folder, or a name, of which nothing can be read: the error is what the run says of it.
  Result<void> list(const std::string& path, const Error& error);
  /// Files of the run that were not listed now and of which `is_gone` says so are gone; errors of folders
  /// that were not met again are forgotten.
  Result<void> end_listing(const std::function<bool(const std::string& path)>& is_gone);

  /// The next paths to be read after `path`, in the order of their bytes, at most so many.
  Result<std::vector<std::string>> pending_after(const std::string& path, std::size_t most);

  /// A content that is in the store, or was added.
  struct Known {
    std::int64_t number = -1;
    ContentRow row;
  };
  Result<std::optional<Known>> known(const Digest& sha256);
  /// A new one, with its pooled vector or an empty one. Gives its number.
  Result<std::int64_t> add(const ContentRow& content, std::span<const float> pooled);
  /// A path was read and holds this.
  Result<void> read(const std::string& path, const std::optional<FileStamp>& stamp, std::int64_t content);
  /// A path could not be read, or judged for a reason that may pass: the next command tries again. `error`
  /// names what follows the path (without_path()).
  Result<void> failed(const std::string& path, const std::optional<FileStamp>& stamp, const Error& error);

  /// Copies a line of another run, whose content has this number here.
  Result<void> copy(const Line& line, std::int64_t content);

  Result<void> commit();

 private:
  struct Statements {
    store::Statement list, list_missing, list_error, known, add, pooled, read, failed, copy;
  };
  GuardWriter(const store::Database& database, Statements statements, std::int64_t last_content)
      : database_(&database),
        statements_(std::make_unique<Statements>(std::move(statements))),
        last_content_(last_content) {}
  Result<void> begin_writing();
  Result<void> commit_after_many();
  Result<std::vector<std::string>> unseen_after(const std::string& path) const;

  const store::Database* database_;
  std::unique_ptr<Statements> statements_;
  std::optional<store::Transaction> transaction_;
  std::int64_t last_content_ = 0;
  std::int64_t command_ = 0;  ///< its number, in the column `seen`
  std::size_t listed_ = 0;    ///< since the last commit
};

}  // namespace holisafe::verdicts
