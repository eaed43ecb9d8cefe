// The store of one run: RUN/run.db, SQLite. What was to be asked (samples), what came back (predictions), and
// what judges said of it (verdicts, several judges side by side).
//
//   HOLISAFE_TRY(RunStore store, RunStore::open("runs/gpt-4o", Access::write));
//   HOLISAFE_CHECK(store.require_same("run", {{"data", sha256}, {"model", "gpt-4o"}}));
//   HOLISAFE_CHECK(store.add_samples("HoliSafe-Bench/holisafe_bench.json", Part{}));
//   HOLISAFE_TRY(const auto samples, store.unanswered_after(-1, 64));
//   …
//   HOLISAFE_CHECK(store.write(predictions));          // on disk when it returns
//   HOLISAFE_CHECK(store.write(judge, verdicts));
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "judge/verdict.h"
#include "store/database.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::store {

/// A row of the benchmark.
struct Sample {
  std::int64_t position = 0;  ///< its row in the file, from 0; names the sample in the store
  std::string id;             ///< the integer's digits, or the string
  bool id_is_string = false;
  std::int64_t image_number = 0;  ///< of its image, from 0 in the order of first appearance in the file
  std::string image;              ///< relative to the images folder
  std::string query;
  taxonomy::Combination type = taxonomy::Combination::SSS;
  std::uint8_t subcategory = 0;         ///< guard class 1-19; 0: safe or unknown
  std::uint8_t image_safety_label = 0;  ///< guard class 0-19
  std::string json;                     ///< the row as it stands in the file
};

/// What became of a sample that was asked. One without a Prediction has not been asked to the end yet.
enum class AnswerState {
  answered,    ///< an answer came; final
  filtered,    ///< the endpoint's own content filter refused it; final
  unanswered,  ///< all tries failed; asked again by the next run
};
std::string_view name(AnswerState state);

/// An image guard's probabilities of the 20 classes; `label` is the most probable one.
struct GuardResult {
  std::uint8_t label = 0;
  std::array<double, taxonomy::class_count> scores{};
};

struct Prediction {
  AnswerState state = AnswerState::unanswered;
  std::string text;  ///< the answer, unchanged; empty unless answered (a filter may leave a beginning)
  std::string finish_reason;  ///< "stop", "length", … as the endpoint said; may be empty
  std::string reason;         ///< why there is no answer
  std::optional<GuardResult> guard;
};

/// What a judge said of one answer.
struct Verdict {
  judge::Verdict state = judge::Verdict::unjudged;
  std::string text;    ///< what the judge wrote, unchanged; empty for rules
  std::string reason;  ///< why it is unjudged; may be empty otherwise
};

/// A sample with what is known of it.
struct Row {
  Sample sample;
  std::optional<Prediction> prediction;
  std::optional<Verdict> verdict;  ///< of the judge that was asked for
};

/// Which rows of the file a run holds: of its first `limit` (0: all) those whose image number leaves the
/// remainder `shard` when divided by `shards`. The queries of one image stay together.
struct Part {
  std::int64_t limit = 0;
  std::int64_t shard = 0;
  std::int64_t shards = 1;
};

/// Names with values, in a fixed order.
using Identity = std::vector<std::pair<std::string, std::string>>;

/// All rows of a run in the order of the file, one at a time.
class RowCursor {
 public:
  /// Fills `row`, whose strings serve again; false after the last. Errors: those of Database.
  Result<bool> next(Row& row);

 private:
  friend class RunStore;
  explicit RowCursor(Statement statement) : statement_(std::move(statement)) {}
  Statement statement_;
};

/// Movable; one thread at a time. While one is open with write access no other process gets write access to
/// the same run; reading goes on beside it.
///
/// Every function that writes does so in one transaction and returns when that is on disk: after a kill at
/// any moment all or nothing of it is found. Errors of all functions: those of Database.
class RunStore {
 public:
  static constexpr std::string_view file_name = "run.db";

  /// Opens RUN/run.db; with write access makes folder and file where they are missing. Further errors:
  /// not_found (no run there), unsupported (a store of another version), permission (another process is
  /// writing).
  static Result<RunStore> open(const std::filesystem::path& run, Access access);

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

  /// Remembers what `scope` ("run", or a judge's name) is made from, or compares with what is remembered.
  /// Error: mismatch, with the name that differs, both values, and the ones that agree left out.
  Result<void> require_same(const std::string& scope, const Identity& identity);
  /// What is remembered; empty where nothing is.
  Result<Identity> identity(const std::string& scope) const;

  /// Values that are no part of an identity and may change: where images lie ("images"), how filtered samples
  /// count ("filter-as"), a judge's batches under way. Nothing where none was put.
  Result<std::optional<std::string>> value(const std::string& key) const;
  Result<void> put_value(const std::string& key, const std::string& value);
  /// All keys that start with `prefix`, with their values, sorted by key.
  Result<std::vector<std::pair<std::string, std::string>>> values(const std::string& prefix) const;
  Result<void> remove_value(const std::string& key);

  /// Reads the samples from a benchmark file, unless that has been done. Memory does not grow with the file.
  /// Gives the number of rows whose fields contradict each other. Errors: those of dataset::read_bench(), its
  /// first problem where rows cannot be used, missing (a part without rows).
  Result<std::uint64_t> add_samples(const std::filesystem::path& file, const Part& part);

  struct Counts {
    std::uint64_t samples = 0;
    std::uint64_t answered = 0;
    std::uint64_t filtered = 0;
    std::uint64_t unanswered = 0;  ///< tried in vain
    [[nodiscard]] std::uint64_t open() const { return samples - answered - filtered; }
  };
  Result<Counts> counts() const;

  /// The next samples without an answer, never tried or tried in vain, after `position` (-1: from the start),
  /// in the order of the file; at most `most`.
  Result<std::vector<Sample>> unanswered_after(std::int64_t position, std::size_t most) const;
  /// The same for the next image after `image_number` that has some: all of its samples without an answer.
  Result<std::vector<Sample>> unanswered_of_image_after(std::int64_t image_number) const;

  using Answers = std::vector<std::pair<std::int64_t, Prediction>>;
  /// Keeps answers, by position. A final one is never replaced.
  Result<void> write(const Answers& answers);

  /// All rows with the verdicts of `judge` (empty: without verdicts). The store must not be written
  /// meanwhile.
  Result<RowCursor> rows(const std::string& judge) const;

  /// Judges with verdicts, sorted by name.
  Result<std::vector<std::string>> judges() const;
  /// The next rows with an answer that `judge` has not judged, or whose verdict is unjudged, after
  /// `position`.
  Result<std::vector<Row>> unjudged_after(const std::string& judge, std::int64_t position,
                                          std::size_t most) const;
  /// How many those are altogether.
  Result<std::uint64_t> unjudged_count(const std::string& judge) const;

  using Verdicts = std::vector<std::pair<std::int64_t, Verdict>>;
  /// Keeps verdicts, by position. A verdict is never replaced, unjudged is.
  Result<void> write(const std::string& judge, const Verdicts& verdicts);

 private:
  struct FileCloser {
    void operator()(const int* file) const;
  };
  RunStore(std::filesystem::path folder, Database database)
      : folder_(std::move(folder)), database_(std::move(database)) {}
  Result<void> make_tables();

  std::filesystem::path folder_;
  std::unique_ptr<int, FileCloser> lock_;  ///< of the folder; let go after the database
  Database database_;
};

}  // namespace holisafe::store
