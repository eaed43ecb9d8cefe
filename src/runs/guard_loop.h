// Reads and judges the files that a guard run's store does not know yet.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/ahead.h"
#include "base/hash.h"
#include "base/progress.h"
#include "runs/guard_run.h"
#include "verdicts/guard_writer.h"
#include "verdicts/picture_judge.h"

namespace holisafe::runs {

/// Files are read on threads of their own, ahead of the judge, which has threads of its own; all that touches
/// the store is done by one. Memory does not grow with the run.
class GuardLoop {
 public:
  /// All must outlive it. `so_far` is what the run's lines make so far, without what is to be read.
  GuardLoop(const GuardRunSettings& settings, const verdicts::GuardStore& store,
            verdicts::GuardWriter& writer, GuardSummary& so_far, const StopFlag& stop);

  /// Until nothing is left, or a request to stop. `total`: of files, for `progress`.
  Result<void> run(std::uint64_t total, Progress* progress);

 private:
  struct File {
    std::string path;
    std::optional<verdicts::FileStamp> stamp;
    Digest sha256{};
    Result<std::string> bytes;  ///< an error's `where` is what follows the path
  };
  [[nodiscard]] static File read(std::string path, std::uint64_t most_bytes);
  Result<void> find_flagging();
  Result<void> open_judge();
  Result<bool> push_paths();
  Result<bool> push_files();
  Result<void> settle(File file);
  Result<void> judge_next();
  Result<void> keep(const File& file, const verdicts::ContentRow& row, std::span<const float> pooled);
  Result<void> keep_failure(const File& file, const Error& error);
  Result<void> commit_when_due();
  void count(const verdicts::Line& line);

  const GuardRunSettings& settings_;
  const verdicts::GuardStore& store_;
  verdicts::GuardWriter& writer_;
  GuardSummary& so_far_;
  const StopFlag& stop_;
  std::optional<verdicts::Flagging> flagging_;  ///< nothing: that needs a guard that was not opened
  std::unique_ptr<verdicts::PictureJudge> judge_;

  std::uint64_t total_ = 0;
  Progress* progress_ = nullptr;
  std::size_t most_ahead_;
  std::string last_path_;          ///< of those taken from the store
  std::deque<std::string> paths_;  ///< taken, and not being read yet
  std::deque<File> judging_;       ///< pushed into the judge, in order, without their bytes
  std::set<Digest> being_judged_;  ///< the same
  std::chrono::steady_clock::time_point last_commit_;
  Ahead<std::string, File> reading_;
};

}  // namespace holisafe::runs
