// `bench run`: benchmarks through an answerer into the stores of their runs, then the runs' files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "explain/image_explainer.h"
#include "runs/answerers.h"
#include "runs/run_part.h"
#include "runs/run_report.h"

namespace holisafe::runs {

/// A benchmark's data, and the run that is made of them.
struct RunPlace {
  std::string benchmark;         ///< a name of the table
  std::filesystem::path data;    ///< what the benchmark opens
  std::filesystem::path folder;  ///< RUN
};

struct RunSettings {
  std::vector<RunPlace> places;  ///< in the order in which they are asked; one answerer is asked all
  std::string split;             ///< of the data; empty: each benchmark's default
  Part part;
  std::string system;                      ///< empty: no system message
  std::optional<unsigned> max_new_tokens;  ///< nothing: as the benchmark says
  std::optional<double> temperature;       ///< nothing: benchmarks::usual_temperature()
  std::uint64_t seed = 0;                  ///< of the first response to a row; the next one's is one more
  CountAs filtered_as = CountAs::refused;
  std::optional<CountAs> empty_as;  ///< nothing: usual_empty_as()
  AnswererSettings answerer;
  std::string version;  ///< of the program, for the report
  /// Who explains where the guard looked in the images that it was most wrong about, once the answerer is
  /// open; empty: nobody.
  std::function<explain::ImageExplainer*()> explainer;
  /// Called with what the user should know before anything is asked. May be empty.
  std::function<void(const std::string&)> warn;
};

struct RunEnd {
  store::RunStore::Counts counts;
  bool interrupted = false;       ///< stopped by the flag before everything was asked
  std::optional<Error> stopped;   ///< why nobody would answer any more
  std::optional<JudgedRun> run;   ///< its figures, where it was asked to its end
  std::string unanswered_reason;  ///< why a question is unanswered: the first such reason; may be empty
};

/// Hears of the runs one after the other. Either may be empty.
struct RunListener {
  /// Gives what is told of the asking: questions of this call, with running figures and faults.
  std::function<std::unique_ptr<Progress>(const RunPlace& place)> begun;
  /// Once for each that was begun.
  std::function<void(const RunPlace& place, const Result<RunEnd>& end)> ended;
};

/// Opens and checks the data of all places and begins their runs, or takes them up, before anything is asked.
/// Then asks every question that has no answer, place by place; at the end of each the benchmark's rules
/// judge, and predictions.json, summary.json and report.html are written. A place that fails does not keep
/// the next from being asked; an answerer that nobody hears any more, and the flag, end all. The same
/// settings again resume; an endpoint's address may have changed. Errors before asking, of several places
/// with the benchmark's name: usage; those of the benchmark's rows and images, of the store (mismatch: a
/// folder made from something else), of opening the answerer; interrupted.
Result<void> run_benchmarks(RunSettings settings, const RunListener& listener, const StopFlag& stop);

}  // namespace holisafe::runs
