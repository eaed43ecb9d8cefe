// The store of one guard run: RUN/guard.db, SQLite. Which files there are (by path), what their bytes are (by
// SHA-256), and what the guard said of those: each content once, however many paths lead to it.
//
//   HOLISAFE_TRY(GuardStore store, GuardStore::open("runs/uploads", store::Access::read));
//   HOLISAFE_TRY(const Flagging flagging, store.flagging());
//   HOLISAFE_TRY(LineCursor lines, store.lines());
//   Line line;
//   while (true) {
//     HOLISAFE_TRY(const bool found, lines.next(line));
//     if (!found) break;
//     … to_json(line, flagging) …                              // verdict_line.h
//   }
//
// Who writes one: guard_writer.h.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "store/database.h"
#include "store/folder_lock.h"
#include "store/remembered.h"
#include "store/run_store.h"
#include "taxonomy/verdict.h"
#include "verdicts/flagging.h"
#include "verdicts/picture_judge.h"

namespace holisafe::verdicts {

/// What tells a file that was changed from one that was not.
struct FileStamp {
  std::int64_t bytes = 0;
  std::int64_t modified = 0;  ///< nanoseconds since 1970
  bool operator==(const FileStamp&) const = default;
};

/// One path of a run.
struct Line {
  std::string path;  ///< as it was found: below a folder as the command line named it; any bytes
  std::optional<FileStamp> stamp;  ///< nothing: there is no such file, or it could not be looked at
  bool gone = false;               ///< was there, and no longer is
  std::optional<Digest> sha256;    ///< nothing: it could not be read
  std::int64_t content = -1;       ///< number of what it holds; duplicates share one; -1: could not be read
  int width = 0;                   ///< of the picture in pixels, upright; 0: it could not be decoded
  int height = 0;
  /// What the guard said (without logits), or why it said nothing, naming the path.
  Result<taxonomy::Verdict> verdict;
};

/// All paths that something is known of, in the order of their bytes; those still to be judged are left out.
/// Memory does not grow with the run.
class LineCursor {
 public:
  /// Fills `line`, whose strings serve again; false after the last. Errors: those of Database; malformed (a
  /// column that holds what this program never writes).
  Result<bool> next(Line& line);

 private:
  friend class GuardStore;
  explicit LineCursor(store::Statement statement) : statement_(std::move(statement)) {}
  store::Statement statement_;
};

/// One content that some path of the run holds.
struct Content {
  Digest sha256{};
  std::int64_t number = -1;
  std::string path;         ///< the first path that holds it, one that is not gone if there is such
  bool gone = false;        ///< no path that is not gone holds it
  std::uint64_t paths = 0;  ///< how many hold it, gone ones among them
  int width = 0;            ///< 0: it could not be decoded
  int height = 0;
  Result<taxonomy::Verdict> verdict;  ///< errors name `path`
};

/// All contents by SHA-256: what two runs have in common is found by going along both.
class ContentCursor {
 public:
  /// As LineCursor::next().
  Result<bool> next(Content& content);

 private:
  friend class GuardStore;
  explicit ContentCursor(store::Statement statement) : statement_(std::move(statement)) {}
  store::Statement statement_;
};

/// What is known of a content, whatever paths hold it.
struct ContentRow {
  std::optional<Digest> sha256;  ///< nothing: of no content
  int width = 0;                 ///< 0: it could not be decoded
  int height = 0;
  Result<taxonomy::Verdict> verdict;  ///< an error's `where` is what follows a path
};

/// A content with the vector that the guard's MLP took of it.
struct PooledContent {
  ContentRow row;
  std::vector<float> vector;  ///< [hidden size]; empty: none was kept, or there was none
};

/// All contents, in the order in which they were judged.
class PooledCursor {
 public:
  /// As LineCursor::next().
  Result<bool> next(PooledContent& pooled);

 private:
  friend class GuardStore;
  explicit PooledCursor(store::Statement statement) : statement_(std::move(statement)) {}
  store::Statement statement_;
};

struct GuardCounts {
  std::uint64_t paths = 0;       ///< in the run, gone ones among them
  std::uint64_t gone = 0;        ///< of these
  std::uint64_t pending = 0;     ///< still to be read by the command under way
  std::uint64_t contents = 0;    ///< different ones, by SHA-256, that paths hold which are not gone
  std::uint64_t duplicates = 0;  ///< paths beyond the first of each of these
};

/// Movable; one thread at a time. While one is open with write access no other process gets write access to
/// the same run; reading goes on beside it. Errors of all functions: those of Database.
class GuardStore {
 public:
  static constexpr std::string_view file_name = store::RunStore::guard_run_file;

  /// Opens RUN/guard.db; with write access makes folder and file where they are missing. Anybody may have
  /// made or damaged them: the tables must be this program's. Further errors: not_found (no guard run there),
  /// unsupported (a store of a later version), permission (another process is writing), malformed,
  /// unexpected (a link; a benchmark's run lies there).
  static Result<GuardStore> open(const std::filesystem::path& run, store::Access access);

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

  /// What the run is made from: model, guard, adapter, how pictures are decoded. Empty before the first
  /// command is over its beginning.
  Result<store::Identity> identity() const;
  /// Remembers it, or compares. Error: mismatch, with the names that differ and both values.
  Result<void> require_same(const store::Identity& identity) const;

  /// The folders that the run's commands were given, as they were named, in the order of their bytes. A file
  /// that was named itself, or by a list, belongs to none.
  Result<std::vector<std::string>> trees() const;
  /// The folder that paths of the run which are not absolute start from: where its last command ran.
  Result<std::string> start() const;

  /// When the last command flagged a picture. Errors: malformed.
  Result<Flagging> flagging() const;
  Result<void> put_flagging(const Flagging& flagging) const;
  /// Who judged; nothing before a judge was opened. Errors: malformed.
  Result<std::optional<JudgeFacts>> facts() const;
  Result<void> put_facts(const JudgeFacts& facts) const;

  Result<GuardCounts> counts() const;
  Result<LineCursor> lines() const;
  Result<ContentCursor> contents() const;
  Result<PooledCursor> pooled() const;

  /// For values by key and for writing (guard_writer.h).
  [[nodiscard]] const store::Database& database() const { return database_; }
  [[nodiscard]] store::Remembered remembered() const { return store::Remembered(database_); }

 private:
  GuardStore(std::filesystem::path folder, store::Database database)
      : folder_(std::move(folder)), database_(std::move(database)) {}
  Result<void> prepare(store::Access access);
  Result<std::vector<std::string>> places(bool start) const;

  std::filesystem::path folder_;
  std::optional<store::FolderLock> lock_;  ///< let go after the database
  store::Database database_;
};

}  // namespace holisafe::verdicts
