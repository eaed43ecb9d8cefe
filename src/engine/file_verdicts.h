// The guard's verdicts on any number of image files.
//
//   verdicts_of_files(engine, source, {}, [](const auto& path, const auto& verdict) { … }, &progress, stop);
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "base/progress.h"
#include "engine/engine.h"
#include "engine/image_feed.h"
#include "taxonomy/verdict.h"

namespace holisafe::engine {

struct FileVerdictOptions {
  image::DecodeOptions decode = {};
  int decode_threads = 2;
  std::size_t batch_size = 1;  ///< images in one pass
  /// Where another thread puts the number of files once it is known; may be null.
  const std::atomic<std::uint64_t>* total = nullptr;
};

/// Hears of one file after the other: its verdict, or why there is none.
using OnFileVerdict = std::function<void(const std::string& path, const Result<taxonomy::Verdict>& verdict)>;

/// Files in the order of `source`, decoded ahead on other threads (which draw from it, one at a time). A file
/// that cannot be read or judged is an error of its own, and the rest goes on. Ends early after a request to
/// stop. `progress` has a total once that is known or the source has ended; it may be null. Errors: missing
/// (no guard).
Result<void> verdicts_of_files(const Engine& engine, ImageFeed::Source source,
                               const FileVerdictOptions& options, const OnFileVerdict& on_verdict,
                               Progress* progress, const StopFlag& stop);

}  // namespace holisafe::engine
