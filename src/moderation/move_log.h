// DIR/moves.jsonl: what a sort does, written before it is done, so that it can go on after a kill and be
// taken back.
//
//   {"format":"holisafe-moves/1","run":"/runs/uploads","by":"category","how":"move","flagged":false}
//   {"made":"hate"}                                             a folder that was not there
//   {"folder":"/data/uploads","modified":1764518400000000000}   a folder that pictures leave, and its time
//   {"from":"/data/uploads/1.jpg","to":"hate/1.jpg","bytes":1234,"modified":1764518400000000000}
//   {"not":"hate/1.jpg"}                                        that one was not done: its name was taken
//   {"done":true}                                               all before is
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "moderation/placing.h"

namespace holisafe::moderation {

/// What a sort is: the same command goes on, another one is refused.
struct SortIdentity {
  std::string run;  ///< the run's folder, absolute
  std::string by;
  Placing how = Placing::link;
  bool flagged_only = false;
  bool operator==(const SortIdentity&) const = default;
};

struct MadeFolder {
  std::string folder;  ///< beneath DIR; absolute for DIR itself and what is above it
};
struct FolderTime {
  std::string folder;  ///< absolute
  std::int64_t modified = 0;
};
struct Move {
  std::string from;  ///< absolute
  std::string to;    ///< beneath DIR: folder and name
  verdicts::FileStamp stamp;
};
/// The last move to there was not done: something has the name, or the picture could not be placed.
struct NotDone {
  std::string to;
};
struct AllDone {};
using MoveRecord = std::variant<MadeFolder, FolderTime, Move, NotDone, AllDone>;

/// Who holds one is alone at its folder. Movable; one thread at a time.
class MoveLog {
 public:
  static constexpr std::string_view file_name = "moves.jsonl";

  /// Opens the one in `folder`, which must be there; makes it for `identity` where it is missing, with the
  /// first write(). Errors:
  /// mismatch (of another sort, the difference named), permission (in use), io, out_of_space, malformed.
  static Result<MoveLog> open_or_make(const std::filesystem::path& folder, const SortIdentity& identity);
  /// An empty one, whatever was left there by a sort that was killed.
  static Result<MoveLog> make(const std::filesystem::path& folder, const SortIdentity& identity);
  /// Errors: also not_found.
  static Result<MoveLog> open(const std::filesystem::path& folder);

  [[nodiscard]] const SortIdentity& identity() const { return identity_; }

  /// Its folder has been moved.
  void lies_in(std::filesystem::path folder) { folder_ = std::move(folder); }

  /// Hears of all records in their order. Errors: those of `visit`; malformed with the row.
  Result<void> for_each(const std::function<Result<void>(const MoveRecord&)>& visit) const;

  /// Appended by the next write().
  void add(const MoveRecord& record);
  /// What was added is in the file, and on disk if `sync`.
  Result<void> write(bool sync);

 private:
  struct Closer {
    void operator()(const int* file) const;
  };
  explicit MoveLog(std::filesystem::path folder) : folder_(std::move(folder)) {}
  [[nodiscard]] std::filesystem::path file() const { return folder_ / file_name; }
  Result<bool> lock(int flags);
  Result<void> drop_torn_line() const;
  Result<void> read_identity();

  std::filesystem::path folder_;
  std::unique_ptr<int, Closer> file_;
  SortIdentity identity_;
  std::string added_;
};

}  // namespace holisafe::moderation
