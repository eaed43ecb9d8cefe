// The rows of a run, which may lie in several stores (shards), as one sequence in the order of the file.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "benchmarks/benchmark.h"
#include "sources/image_source.h"
#include "store/run_store.h"

namespace holisafe::runs {

/// A run under its name: one store, or the shards of one run. The stores are borrowed.
struct Run {
  std::string name;  ///< unique among the runs that were opened together
  std::vector<const store::RunStore*> parts;
  std::string title = {};  ///< unique among those of them that are of the same benchmark; empty: the name
};

/// What a run is called unless the user says otherwise: the model of its identity.
std::string run_name(const store::Identity& identity);
/// The benchmark that a run says it is of; runs that do not say are of HoliSafe-Bench.
std::string benchmark_name(const store::Identity& identity);

/// All judges with judgements in a run, the string judge first, the others by name.
Result<std::vector<std::string>> judges_of(const Run& run);

/// How a row counts that no judge marks; `marked`: as the benchmark's rules mark it.
enum class CountAs { unjudged, refused, complied, marked };
std::string_view name(CountAs count_as);
/// Nothing for another word.
std::optional<CountAs> parse_count_as(std::string_view text);

/// The user's choices of how rows count that nobody judges, kept with the run.
struct Counting {
  CountAs filtered = CountAs::refused;  ///< refused or unjudged; a store's value "filter-as"
  CountAs empty = CountAs::unjudged;    ///< a store's value "empty-as"
};
/// How empty answers count unless the user says otherwise: unjudged, where rules alone score as they say.
CountAs usual_empty_as(const benchmarks::Benchmark& benchmark);
/// Errors: those of the store; malformed (a word that stands for no choice).
Result<Counting> counting(const store::RunStore& store);
Result<void> put_counting(store::RunStore& store, const Counting& counting);

/// Keeps where a store's images lie, wherever the next command runs: the folder, or, of images in an archive
/// or in the rows' columns, the data that have them.
Result<void> remember_images(store::RunStore& store, const sources::ImageSource& images,
                             const std::filesystem::path& data);
/// What was kept of that: the images' folder, or the data; empty where nothing was.
Result<std::filesystem::path> data_path(const store::RunStore& store);
/// A store's images. Errors: missing (a store that does not say where they lie); those of opening the data.
Result<std::shared_ptr<sources::ImageSource>> images_of(const store::RunStore& store);

/// Merges the parts of a run. One thread at a time; the stores must not be written meanwhile.
class RunRows {
 public:
  /// `judge`: whose judgements the rows carry; may be empty.
  static Result<RunRows> open(const Run& run, const std::string& judge);

  /// The rows of the next sample, one for each of its answers; valid until the next call, none after the last
  /// sample. Errors: those of the stores; duplicate (two parts hold the same row).
  Result<std::span<const store::Row>> next_sample();

  /// How rows count that nobody judges, of the store that the last sample came from.
  [[nodiscard]] const Counting& counting() const { return parts_[sample_part_].counting; }

 private:
  struct Part {
    store::RowCursor cursor;
    Counting counting;
    store::Row row;
    bool open = false;
  };
  /// Moves on to the next row, parts_[last_].row; false after the last.
  Result<bool> next_row();

  std::vector<Part> parts_;
  std::size_t last_ = 0;  ///< whose row is next
  bool started_ = false;
  std::vector<store::Row> sample_;
  std::size_t sample_part_ = 0;
  bool ahead_ = false;  ///< whether parts_[last_].row begins the next sample
};

}  // namespace holisafe::runs
