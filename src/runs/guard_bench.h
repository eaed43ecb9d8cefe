// `bench guard`: a guard measured on HoliSafe-Bench's images, whoever it is: answers of a file, a model
// behind an endpoint, or this program's own guard.
//
//   GuardBenchSettings settings{.data = "HoliSafe-Bench", .format = find("llama-guard"), …};
//   HOLISAFE_TRY(const GuardBenchEnd end, bench_guard(std::move(settings), &progress, stop));
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/progress.h"
#include "guard_formats/guard_format.h"
#include "report/guard_bench_sections.h"
#include "runs/answerers.h"

namespace holisafe::runs {

struct GuardBenchSettings {
  std::filesystem::path data;    ///< HoliSafe-Bench, or rows with images and their labels
  std::filesystem::path images;  ///< folder that images start from; empty: images/ beside the rows
  const guard_formats::GuardFormat* format = nullptr;  ///< of the answers
  std::string predictions;                             ///< FILE of answers; empty: none
  AnswererSettings answerer;                           ///< an endpoint, or a local model; neither: none
  chat::OpenModel open_guard;                          ///< of `answerer.local`; given by whoever can run one
  std::string policy;                                  ///< file; empty: none
  std::string name;                                    ///< empty: the model's, or the file's
  std::optional<double> threshold;                     ///< flagged from this score on
  std::filesystem::path folder;                        ///< RUN; empty: nothing is kept
  bool allow_missing = false;  ///< images without an answer are unjudged, and no error
  std::string version;         ///< of the program, for the page
  /// Called with what the user should know. May be empty.
  std::function<void(const std::string&)> warn;
};

struct GuardBenchEnd {
  report::MeasuredGuard guard;   ///< where asking came to its end
  std::uint64_t questions = 0;   ///< answers that the images are to have
  std::uint64_t open = 0;        ///< of these, without one
  bool interrupted = false;      ///< stopped by the flag before everything was asked
  std::optional<Error> stopped;  ///< why nobody would answer any more
  std::string open_reason;       ///< why an answer is missing: the first such reason; may be empty
};

/// Checks everything before anything is asked, asks what has no answer yet, and measures. With a folder the
/// same settings again resume, and summary.json and report.html are written at the end; an answer is on disk
/// before another question is asked in its place. Errors: usage (settings that do not go together); those of
/// the data, of images that cannot be read, of the file of answers, of the store (mismatch: a folder made
/// from something else) and of opening the guard; missing (images without an answer in the file).
Result<GuardBenchEnd> bench_guard(GuardBenchSettings settings, Progress* progress, const StopFlag& stop);

}  // namespace holisafe::runs
