#include "moderation/sort_plan.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "moderation/names.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::moderation {
namespace {

namespace fs = std::filesystem;

/// Whether a name has something behind it, be it a link that leads nowhere.
Result<bool> is_taken(const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return fail(system_error("cannot look at", path, errno));
}

}  // namespace

SeenPaths::Key SeenPaths::key(const std::string& path) {
  const Digest digest = sha256(path);
  Key out;
  std::memcpy(&out, digest.data(), sizeof out);
  return out;
}

Result<SortPlan> SortPlan::begin(const verdicts::GuardStore& store, const SortOptions& options,
                                 const SeenPaths& before, SortCounts& counts, const OnStay& on_stay) {
  HOLISAFE_TRY(auto flagging, store.flagging());
  HOLISAFE_TRY(auto paths, RunPaths::of(store));
  HOLISAFE_TRY(auto lines, store.lines());
  return SortPlan(options, before, counts, on_stay, std::move(flagging), std::move(paths), std::move(lines));
}

std::string SortPlan::folder_of(const taxonomy::Verdict& verdict) const {
  if (options_->by == SortBy::decision) return flagging_.flags(verdict) ? "flagged" : "not_flagged";
  const auto& found = taxonomy::classes()[counted_class(verdict, flagging_)];
  return folder_name(options_->by == SortBy::category ? found.category : found.name);
}

Result<void> SortPlan::check_unchanged(const verdicts::Line& line, const fs::path& from) const {
  struct stat status {};
  if (options_->how == Placing::move && ::lstat(from.c_str(), &status) == 0 && S_ISLNK(status.st_mode))
    return fail(ErrorKind::not_a_file, "not sorted", from.string(), "expected a file to move, found a link");
  const auto now = stamp_of(from);
  if (!now) return fail(now.error().kind, "not sorted", from.string(), now.error().detail);
  if (line.stamp && *line.stamp == *now) return {};
  return fail(
      ErrorKind::mismatch, "not sorted", from.string(),
      "changed since it was judged (size or time): judge it again with the command that made the run");
}

Result<std::string> SortPlan::free_name(const std::string& folder, const std::string& name) {
  const std::string first = folder + "/" + name;
  const auto known = numbers_.find(first);
  std::size_t number = known == numbers_.end() ? 1 : known->second + 1;
  while (true) {
    std::string to = folder + "/" + numbered_name(name, number);
    HOLISAFE_TRY(const bool taken, is_taken(options_->to / to));
    if (!taken && planned_.insert(to).second) {
      if (number > 1) numbers_[first] = number;
      return to;
    }
    ++number;
  }
}

Result<Move> SortPlan::renamed(Move move) {
  const fs::path to(move.to);
  HOLISAFE_TRY(move.to, free_name(to.parent_path().string(), fs::path(move.from).filename().string()));
  return move;
}

Result<std::optional<Move>> SortPlan::plan(const verdicts::Line& line) {
  const fs::path from = paths_.absolute(line.path);
  if (before_->has(from.string())) {
    ++counts_->before;
    return std::nullopt;
  }
  if (line.gone) ++counts_->gone;
  if (!line.gone && !line.verdict) ++counts_->unjudged;
  if (line.gone || !line.verdict) return std::nullopt;
  if (options_->flagged_only && !flagging_.flags(*line.verdict)) return std::nullopt;
  if (const auto unchanged = check_unchanged(line, from); !unchanged) {
    ++counts_->problems;
    (*on_stay_)(unchanged.error());
    return std::nullopt;
  }
  Move move{from.string(), {}, *line.stamp};
  HOLISAFE_TRY(move.to, free_name(folder_of(*line.verdict), from.filename().string()));
  return std::optional(std::move(move));
}

Result<std::optional<Move>> SortPlan::next() {
  while (true) {
    HOLISAFE_TRY(const bool found, lines_.next(line_));
    if (!found) return std::optional<Move>();
    HOLISAFE_TRY(auto move, plan(line_));
    if (move) return move;
  }
}

}  // namespace holisafe::moderation
