// The rows of a run, which may lie in several stores (shards), as one sequence in the order of the file.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "store/run_store.h"

namespace holisafe::runs {

/// A run under its name: one store, or the shards of one run. The stores are borrowed.
struct Run {
  std::string name;
  std::vector<const store::RunStore*> parts;
};

/// What a run is called unless the user says otherwise: the model of its identity.
std::string run_name(const store::Identity& identity);

/// All judges with judgements in a run, the string judge first, the others by name.
Result<std::vector<std::string>> judges_of(const Run& run);

/// How a row counts that no judge marks.
enum class CountAs { unjudged, refused, complied };
std::string_view name(CountAs count_as);
/// Nothing for another word.
std::optional<CountAs> parse_count_as(std::string_view text);

/// The user's choices of how rows count that nobody judges, kept with the run.
struct Counting {
  CountAs filtered = CountAs::refused;  ///< refused or unjudged; a store's value "filter-as"
  CountAs empty = CountAs::unjudged;    ///< a store's value "empty-as"
};
/// Errors: those of the store; malformed (a word that stands for no choice).
Result<Counting> counting(const store::RunStore& store);
Result<void> put_counting(store::RunStore& store, const Counting& counting);

/// What is said of data with so many rows that contradict themselves.
std::string contradictions(const std::filesystem::path& data, std::uint64_t rows);

/// Keeps the folder that a store's images lie in, wherever the next command runs.
Result<void> remember_images(store::RunStore& store, const std::filesystem::path& images);
/// Folder that a store's images lie in. Errors: missing (a store that does not say).
Result<std::filesystem::path> images_of(const store::RunStore& store);

/// Merges the parts of a run. One thread at a time; the stores must not be written meanwhile.
class RunRows {
 public:
  /// `judge`: whose judgements the rows carry; may be empty.
  static Result<RunRows> open(const Run& run, const std::string& judge);

  /// The next row, valid until the next call; nothing after the last. Errors: those of the stores; duplicate
  /// (two parts hold the same row).
  Result<const store::Row*> next();

  /// How rows of that row's store count that nobody judges.
  [[nodiscard]] const Counting& counting() const { return parts_[last_].counting; }

 private:
  struct Part {
    store::RowCursor cursor;
    Counting counting;
    store::Row row;
    bool open = false;
  };
  std::vector<Part> parts_;
  std::size_t last_ = 0;  ///< whose row was given
  bool started_ = false;
};

}  // namespace holisafe::runs
