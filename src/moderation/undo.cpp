#include <algorithm>
#include <cerrno>
#include <utility>
#include <variant>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "moderation/move_log.h"
#include "moderation/sort.h"
#include "verdicts/file_stamp.h"

namespace holisafe::moderation {
namespace {

namespace fs = std::filesystem;

/// What is under a name itself, links not followed.
enum class Found { nothing, file, link, other };
Found found_at(const fs::path& path) {
  std::error_code code;
  const fs::file_status status = fs::symlink_status(path, code);
  if (!fs::exists(status)) return Found::nothing;
  if (fs::is_regular_file(status)) return Found::file;
  return fs::is_symlink(status) ? Found::link : Found::other;
}

Result<void> remove_file(const fs::path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail(system_error("cannot remove", path, errno));
  return {};
}

tl::unexpected<Error> in_the_way(const fs::path& path, std::string detail) {
  return fail(ErrorKind::unexpected, "not taken back", path.string(), std::move(detail));
}

/// One call of undo_sort().
class Undoing {
 public:
  Undoing(fs::path folder, MoveLog log, const OnStay& on_stay, const StopFlag& stop)
      : folder_(std::move(folder)), log_(std::move(log)), on_stay_(on_stay), stop_(stop) {}

  Result<UndoCounts> run() {
    HOLISAFE_CHECK(log_.for_each([this](const MoveRecord& record) { return hear(record); }));
    HOLISAFE_CHECK(take_back_all());
    if (counts_.problems == 0) HOLISAFE_CHECK(clear());
    return counts_;
  }

 private:
  Result<void> hear(const MoveRecord& record) {
    if (const auto* made = std::get_if<MadeFolder>(&record)) made_.push_back(made->folder);
    if (const auto* time = std::get_if<FolderTime>(&record)) times_.push_back(*time);
    if (const auto* move = std::get_if<Move>(&record)) open_.push_back(*move);
    if (const auto* failed = std::get_if<NotDone>(&record)) {
      std::erase_if(open_, [failed](const Move& move) { return move.to == failed->to; });
    }
    return std::holds_alternative<AllDone>(record) ? take_back_all() : Result<void>();
  }

  Result<void> take_back_all() {
    for (const Move& move : std::exchange(open_, {})) {
      if (stop_.requested()) return fail(ErrorKind::interrupted, "stopped while sorting", folder_.string());
      const fs::path to = folder_ / move.to;
      remove_remains(to);
      const auto done = log_.identity().how == Placing::move ? move_back(move, to) : remove(move, to);
      if (done) continue;
      ++counts_.problems;
      on_stay_(done.error());
    }
    return {};
  }

  Result<void> move_back(const Move& move, const fs::path& to) {
    remove_remains(move.from);
    const Found there = found_at(to);
    const bool back = found_at(move.from) != Found::nothing;
    if (there == Found::nothing && back) return {};
    if (there == Found::nothing)
      return in_the_way(move.from, "it is neither there nor where it was sorted to");
    if (there != Found::file) return in_the_way(to, "expected the picture, found something else");
    if (back) {
      HOLISAFE_TRY(const bool copied, is_copy_of(to, move.from));
      if (!copied) return in_the_way(move.from, "something else is where the picture was");
      HOLISAFE_CHECK(remove_file(to));
    } else {
      HOLISAFE_CHECK(make_folders(fs::path(move.from).parent_path()));
      HOLISAFE_TRY(const bool placed, move_to(to, move.from));
      if (!placed) return in_the_way(move.from, "something else is where the picture was");
    }
    ++counts_.moved_back;
    return {};
  }

  Result<void> remove(const Move& move, const fs::path& to) {
    std::error_code code;
    const bool link = log_.identity().how == Placing::link;
    if (found_at(to) == Found::nothing) return {};
    const bool ours = link ? fs::read_symlink(to, code) == fs::path(move.from) : has_stamp(to, move.stamp);
    if (!ours)
      return in_the_way(to, link ? "expected the link, found something else" : "the copy was changed");
    HOLISAFE_CHECK(remove_file(to));
    ++counts_.removed;
    return {};
  }

  /// Folders that hold nothing any more, those within others first, and the list of moves.
  Result<void> clear() {
    for (auto made = made_.rbegin(); made != made_.rend(); ++made) {
      if (!fs::path(*made).is_absolute()) ::rmdir((folder_ / *made).c_str());
    }
    set_times();
    HOLISAFE_CHECK(remove_file(folder_ / MoveLog::file_name));
    for (auto made = made_.rbegin(); made != made_.rend(); ++made) {
      if (fs::path(*made).is_absolute()) ::rmdir(made->c_str());
    }
    set_times();
    return {};
  }

  /// Where a folder no longer is, or is another's, it has no time to be given.
  void set_times() const {
    for (const FolderTime& time : times_) {
      const timespec modified{time.modified / verdicts::nanoseconds, time.modified % verdicts::nanoseconds};
      const timespec times[2] = {{0, UTIME_OMIT}, modified};
      static_cast<void>(::utimensat(AT_FDCWD, time.folder.c_str(), times, AT_SYMLINK_NOFOLLOW));
    }
  }

  fs::path folder_;
  MoveLog log_;
  const OnStay& on_stay_;
  const StopFlag& stop_;
  UndoCounts counts_;
  std::vector<Move> open_;  ///< heard of, and not cancelled until all before is done
  std::vector<std::string> made_;
  std::vector<FolderTime> times_;
};

}  // namespace

Result<UndoCounts> undo_sort(const fs::path& folder, const OnStay& on_stay, const StopFlag& stop) {
  HOLISAFE_TRY(MoveLog log, MoveLog::open(folder));
  return Undoing(folder, std::move(log), on_stay, stop).run();
}

}  // namespace holisafe::moderation
