// Where the next picture of a guard run goes. Internal to this layer.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "base/result.h"
#include "moderation/move_log.h"
#include "moderation/run_paths.h"
#include "moderation/sort.h"

namespace holisafe::moderation {

/// Names files that were sorted, in little memory.
class SeenPaths {
 public:
  void add(const std::string& path) { seen_.insert(key(path)); }
  void remove(const std::string& path) { seen_.erase(key(path)); }
  [[nodiscard]] bool has(const std::string& path) const { return seen_.contains(key(path)); }

 private:
  /// Half of a SHA-256.
  struct Key {
    std::uint64_t first = 0, second = 0;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const { return key.first; }
  };
  static Key key(const std::string& path);
  std::unordered_set<Key, Hash> seen_;
};

/// Goes through a run by path.
class SortPlan {
 public:
  /// `before` (files of earlier commands), `counts` and `on_stay` must outlive it. Errors: those of
  /// GuardStore.
  static Result<SortPlan> begin(const verdicts::GuardStore& store, const SortOptions& options,
                                const SeenPaths& before, SortCounts& counts, const OnStay& on_stay);

  /// The next picture that has somewhere to go; nothing after the last. Errors: those of GuardStore.
  Result<std::optional<Move>> next();
  /// Another name in the same folder. Errors: those of names that cannot be looked at.
  Result<Move> renamed(Move move);
  /// What was planned until now has its names: they are found on disk.
  void forget_planned() { planned_.clear(); }

 private:
  SortPlan(const SortOptions& options, const SeenPaths& before, SortCounts& counts, const OnStay& on_stay,
           verdicts::Flagging flagging, RunPaths paths, verdicts::LineCursor lines)
      : options_(&options),
        before_(&before),
        counts_(&counts),
        on_stay_(&on_stay),
        flagging_(std::move(flagging)),
        paths_(std::move(paths)),
        lines_(std::move(lines)) {}

  Result<std::optional<Move>> plan(const verdicts::Line& line);
  [[nodiscard]] std::string folder_of(const taxonomy::Verdict& verdict) const;
  [[nodiscard]] Result<void> check_unchanged(const verdicts::Line& line,
                                             const std::filesystem::path& from) const;
  Result<std::string> free_name(const std::string& folder, const std::string& name);

  const SortOptions* options_;
  const SeenPaths* before_;
  SortCounts* counts_;
  const OnStay* on_stay_;
  verdicts::Flagging flagging_;
  RunPaths paths_;
  verdicts::LineCursor lines_;
  verdicts::Line line_;
  std::unordered_set<std::string> planned_;               ///< not on disk yet
  std::unordered_map<std::string, std::size_t> numbers_;  ///< last number given, of names that came again
};

}  // namespace holisafe::moderation
