// The guard's verdicts on any number of image files.
//
//   verdicts_of_files(*judge, source, nullptr, [](const auto& judged) { … }, &progress, stop);
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/progress.h"
#include "engine/picture_judge.h"

namespace holisafe::engine {

/// One file after the other; nothing behind the last.
struct PictureFile {
  std::string path;
  std::optional<Error> error;  ///< passed on instead of reading the file
};
using PictureFiles = std::function<std::optional<PictureFile>()>;

/// Hears of one file after the other: its verdict, or why there is none.
using OnFileVerdict = std::function<void(const verdicts::JudgedPicture& judged)>;

/// Files in the order of `files`, which a thread of its own draws from as fast as the judge takes them. A
/// file that cannot be read or judged is an error of its own, and the rest goes on. Ends early after a
/// request to stop. `progress` has a total once another thread has put it into `total`, or `files` has ended;
/// both may be null. The judge takes nothing more afterwards.
void verdicts_of_files(EngineJudge& judge, const PictureFiles& files, const std::atomic<std::uint64_t>* total,
                       const OnFileVerdict& on_verdict, Progress* progress, const StopFlag& stop);

}  // namespace holisafe::engine
