#include "moderation/sort.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "moderation/move_log.h"
#include "moderation/sort_plan.h"
#include "verdicts/file_stamp.h"

namespace holisafe::moderation {
namespace {

namespace fs = std::filesystem;

/// Moves that are written down, and on disk, together before any of them is done.
constexpr std::size_t moves_at_once = 256;

Result<bool> place(Placing how, const fs::path& from, const fs::path& to) {
  switch (how) {
    case Placing::link:
      return link_to(from, to);
    case Placing::copy:
      return copy_to(from, to);
    case Placing::move:
      return move_to(from, to);
  }
  return fail(ErrorKind::internal, "cannot sort");
}

/// Whether a move that was written down before a kill was done; does what was left of it.
Result<bool> was_done(Placing how, const Move& move, const fs::path& to) {
  std::error_code code;
  switch (how) {
    case Placing::link:
      return fs::read_symlink(to, code) == fs::path(move.from) && !code;
    case Placing::copy:
      return has_stamp(to, move.stamp);
    case Placing::move: {
      if (!fs::exists(fs::symlink_status(move.from, code))) return has_stamp(to, move.stamp);
      HOLISAFE_TRY(const bool copied, is_copy_of(to, move.from));
      if (!copied) return false;
      return remove_original(move.from, to);
    }
  }
  return false;
}

std::string absolute_run(const verdicts::GuardStore& store) {
  std::error_code code;
  const fs::path folder = fs::canonical(store.folder(), code);
  return code ? fs::absolute(store.folder()).string() : folder.string();
}

std::optional<FolderTime> time_of(const std::string& folder) {
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0) return std::nullopt;
  return FolderTime{folder, status.st_mtim.tv_sec * verdicts::nanoseconds + status.st_mtim.tv_nsec};
}

/// Folders that have to be made for `folder`, the outermost first, and the time of the one they are made in.
struct MissingFolders {
  std::vector<std::string> folders;
  std::optional<FolderTime> around;
};
MissingFolders missing_above(const fs::path& folder) {
  MissingFolders out;
  std::error_code code;
  fs::path at = fs::absolute(folder, code).lexically_normal();
  if (!at.has_filename()) at = at.parent_path();
  for (; !fs::exists(at, code) && at.has_relative_path(); at = at.parent_path())
    out.folders.insert(out.folders.begin(), at.string());
  if (!out.folders.empty()) out.around = time_of(at.string());
  return out;
}

/// The list of moves of a folder. Folders that are missing appear with a list in them that says so, all at
/// once: made under another name, which a kill may leave behind and the next sort takes up.
Result<MoveLog> open_log(const fs::path& to, const MissingFolders& missing, const SortIdentity& identity) {
  if (missing.folders.empty()) return MoveLog::open_or_make(to, identity);
  const fs::path top = missing.folders.front();
  const fs::path hidden =
      top.parent_path() / fmt::format(".sorting-{}", hex(sha256(top.filename().string())).substr(0, 16));
  const fs::path inside = hidden / fs::path(missing.folders.back()).lexically_relative(top);
  HOLISAFE_CHECK(make_folders(inside));
  HOLISAFE_TRY(MoveLog log, MoveLog::make(inside, identity));
  if (missing.around) log.add(*missing.around);
  for (const std::string& folder : missing.folders) log.add(MadeFolder{folder});
  HOLISAFE_CHECK(log.write(true));
  HOLISAFE_CHECK(sync_path(inside));
  HOLISAFE_TRY(const bool moved, move_to(hidden, top));
  if (!moved)
    return fail(ErrorKind::permission, "folder in use", to.string(), "another process has just made it");
  log.lies_in(to);
  HOLISAFE_CHECK(sync_path(top.parent_path()));
  return log;
}

/// One call of sort_run().
class Sorting {
 public:
  Sorting(const SortOptions& options, MoveLog log, SortCounts& counts, const OnStay& on_stay)
      : options_(options), log_(std::move(log)), counts_(counts), on_stay_(on_stay) {}

  /// Reads what earlier commands wrote down.
  Result<void> read(SeenPaths& before) {
    return log_.for_each([&](const MoveRecord& record) -> Result<void> {
      if (const auto* made = std::get_if<MadeFolder>(&record)) folders_.insert(made->folder);
      if (const auto* time = std::get_if<FolderTime>(&record)) timed_.insert(time->folder);
      if (std::holds_alternative<AllDone>(record)) open_.clear();
      if (const auto* failed = std::get_if<NotDone>(&record)) {
        const auto found = std::find_if(open_.begin(), open_.end(),
                                        [failed](const Move& move) { return move.to == failed->to; });
        if (found == open_.end()) return {};
        before.remove(found->from);
        open_.erase(found);
      }
      if (const auto* move = std::get_if<Move>(&record)) {
        before.add(move->from);
        open_.push_back(*move);
      }
      return {};
    });
  }

  /// What an earlier command wrote down last and may not have done.
  Result<void> finish_open(SortPlan& plan, const StopFlag& stop) {
    std::vector<Move> again;
    for (const Move& move : std::exchange(open_, {})) {
      const auto done = was_done(options_.how, move, options_.to / move.to);
      if (done && *done) continue;
      std::error_code code;
      if (!done) {
        stay(move, done.error());
      } else if (fs::exists(fs::symlink_status(move.from, code))) {
        again.push_back(move);
      } else {
        stay(move,
             {ErrorKind::not_found, "not sorted", move.from, "it is neither there nor where it was to go"});
      }
    }
    again_ = again.size();
    HOLISAFE_CHECK(carry_out(again, plan, stop));
    log_.add(AllDone{});
    return log_.write(false);
  }

  /// Writes moves down, then does them.
  Result<void> write_and_do(const std::vector<Move>& moves, SortPlan& plan, const StopFlag& stop) {
    for (const Move& move : moves) note(move);
    HOLISAFE_CHECK(log_.write(true));
    HOLISAFE_CHECK(carry_out(moves, plan, stop));
    log_.add(AllDone{});
    return log_.write(false);
  }

  /// Done now though an earlier command wrote them down.
  [[nodiscard]] std::uint64_t again() const { return again_; }

 private:
  void note_time(const FolderTime& time) {
    if (timed_.insert(time.folder).second) log_.add(time);
  }

  void note(const Move& move) {
    if (options_.how == Placing::move) {
      const std::string left = fs::path(move.from).parent_path().string();
      if (!timed_.contains(left)) {
        if (const auto time = time_of(left)) note_time(*time);
      }
    }
    const std::string folder = fs::path(move.to).parent_path().string();
    std::error_code code;
    if (folders_.insert(folder).second && !fs::exists(options_.to / folder, code))
      log_.add(MadeFolder{folder});
    log_.add(move);
  }

  void stay(const Move& move, const Error& error) {
    log_.add(NotDone{move.to});
    ++counts_.problems;
    on_stay_(error);
  }

  /// Whatever is in the way of one picture concerns that one alone; a full disk concerns all.
  Result<void> carry_out(const std::vector<Move>& moves, SortPlan& plan, const StopFlag& stop) {
    std::vector<Move> others;
    for (const Move& move : moves) {
      if (stop.requested())
        return fail(ErrorKind::interrupted, "stopped while sorting", options_.to.string());
      const fs::path to = options_.to / move.to;
      HOLISAFE_CHECK(make_folders(to.parent_path()));
      const auto placed = place(options_.how, move.from, to);
      if (!placed && placed.error().kind == ErrorKind::out_of_space) return fail(placed.error());
      if (!placed) {
        stay(move, placed.error());
      } else if (*placed) {
        ++counts_.folders[to.parent_path().filename().string()];
      } else {
        log_.add(NotDone{move.to});
        others.push_back(move);
      }
    }
    plan.forget_planned();
    if (others.empty()) return {};
    for (Move& move : others) {
      HOLISAFE_TRY(move, plan.renamed(std::move(move)));
      note(move);
    }
    HOLISAFE_CHECK(log_.write(true));
    return carry_out(others, plan, stop);
  }

  const SortOptions& options_;
  MoveLog log_;
  SortCounts& counts_;
  const OnStay& on_stay_;
  std::vector<Move> open_;  ///< written down and perhaps not done
  std::uint64_t again_ = 0;
  std::unordered_set<std::string> folders_;  ///< noted as made, or found there
  std::unordered_set<std::string> timed_;    ///< whose time is noted
};

}  // namespace

std::string_view name(SortBy by) {
  switch (by) {
    case SortBy::category:
      return "category";
    case SortBy::subcategory:
      return "subcategory";
    case SortBy::decision:
      return "decision";
  }
  return "";
}

std::uint64_t SortCounts::placed() const {
  return std::accumulate(folders.begin(), folders.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const auto& folder) { return sum + folder.second; });
}

Result<SortCounts> sort_run(const verdicts::GuardStore& store, const SortOptions& options,
                            const OnStay& on_stay, Progress* progress, const StopFlag& stop) {
  SortCounts counts;
  const MissingFolders missing = missing_above(options.to);
  HOLISAFE_TRY(MoveLog log, open_log(options.to, missing,
                                     {absolute_run(store), std::string(name(options.by)), options.how,
                                      options.flagged_only}));
  Sorting sorting(options, std::move(log), counts, on_stay);
  SeenPaths before;
  HOLISAFE_CHECK(sorting.read(before));
  HOLISAFE_TRY(SortPlan plan, SortPlan::begin(store, options, before, counts, on_stay));
  HOLISAFE_CHECK(sorting.finish_open(plan, stop));
  bool more = true;
  while (more) {
    std::vector<Move> moves;
    while (more && moves.size() < moves_at_once) {
      HOLISAFE_TRY(auto move, plan.next());
      more = move.has_value();
      if (move) moves.push_back(*std::move(move));
    }
    HOLISAFE_CHECK(sorting.write_and_do(moves, plan, stop));
    if (progress != nullptr) progress->update(counts.placed(), 0, "");
  }
  counts.before -= std::min(counts.before, sorting.again());
  return counts;
}

Result<SortCounts> plan_sort(const verdicts::GuardStore& store, const SortOptions& options,
                             const OnStay& on_stay, const OnPlan& on_plan) {
  SortCounts counts;
  SeenPaths before;
  std::error_code code;
  if (fs::exists(options.to / MoveLog::file_name, code)) {
    HOLISAFE_TRY(MoveLog log,
                 MoveLog::open_or_make(options.to, {absolute_run(store), std::string(name(options.by)),
                                                    options.how, options.flagged_only}));
    HOLISAFE_CHECK(Sorting(options, std::move(log), counts, on_stay).read(before));
  }
  HOLISAFE_TRY(SortPlan plan, SortPlan::begin(store, options, before, counts, on_stay));
  while (true) {
    HOLISAFE_TRY(const auto move, plan.next());
    if (!move) return counts;
    ++counts.folders[fs::path(move->to).parent_path().string()];
    on_plan(move->from, (options.to / move->to).string());
  }
}

}  // namespace holisafe::moderation
