// The pictures of a guard run put into folders by what the guard said of them, and taken back.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "base/progress.h"
#include "base/result.h"
#include "moderation/placing.h"
#include "verdicts/guard_store.h"

namespace holisafe::moderation {

/// What the folders are: categories, subcategories (of flagged pictures their most probable harm's, else
/// `safe`), or `flagged` and `not_flagged`.
enum class SortBy : std::uint8_t { category, subcategory, decision };
/// "category", …
std::string_view name(SortBy by);

struct SortOptions {
  std::filesystem::path to;  ///< made where it is missing
  SortBy by = SortBy::category;
  Placing how = Placing::link;
  bool flagged_only = false;
};

struct SortCounts {
  std::map<std::string, std::uint64_t> folders;  ///< pictures put into each
  std::uint64_t before = 0;                      ///< were sorted by an earlier command
  std::uint64_t gone = 0;                        ///< that the run knows to be gone
  std::uint64_t unjudged = 0;                    ///< without a verdict
  std::uint64_t problems = 0;                    ///< not sorted, each named

  [[nodiscard]] std::uint64_t placed() const;
};

/// Hears why one picture stays where it is.
using OnStay = std::function<void(const Error&)>;

/// Puts every judged picture into a folder below `options.to`, by path. Nothing is overwritten: of a name
/// that is taken, the next one is `NAME-2`. What is to be done is in moves.jsonl (move_log.h) and on disk
/// before it is done: the same call goes on after a kill or a stop. A file that is missing, changed since it
/// was judged, no regular file, or (to be moved) a link stays and is named. `progress` may be null. Errors:
/// those of GuardStore, MoveLog and folders; interrupted.
Result<SortCounts> sort_run(const verdicts::GuardStore& store, const SortOptions& options,
                            const OnStay& on_stay, Progress* progress, const StopFlag& stop);

/// Tells what sort_run() would do now, by path, and does nothing.
using OnPlan = std::function<void(const std::string& from, const std::string& to)>;
Result<SortCounts> plan_sort(const verdicts::GuardStore& store, const SortOptions& options,
                             const OnStay& on_stay, const OnPlan& on_plan);

struct UndoCounts {
  std::uint64_t moved_back = 0;
  std::uint64_t removed = 0;   ///< links and copies
  std::uint64_t problems = 0;  ///< left as they are, each named
};

/// Takes back what moves.jsonl in `folder` says: moves pictures to where they were (nothing is overwritten),
/// removes links and unchanged copies, then the folders that the sort made, if empty, and gives those that
/// pictures had left their times. moves.jsonl goes where nothing is left to be done; the same call goes on
/// after a kill. Errors: those of MoveLog; interrupted.
Result<UndoCounts> undo_sort(const std::filesystem::path& folder, const OnStay& on_stay,
                             const StopFlag& stop);

}  // namespace holisafe::moderation
