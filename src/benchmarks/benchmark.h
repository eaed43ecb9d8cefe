// What a benchmark is. One file a benchmark, one line a benchmark in the table (benchmarks.cpp); the run
// loop, the store, judging, reports and comparisons know none by name.
//
//   const Benchmark* mmmu = find("mmmu");
//   HOLISAFE_TRY(auto rows, mmmu->open("MMMU"));
//   while (true) { HOLISAFE_TRY(auto items, rows->next(256)); if (items.empty()) break; … }
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "benchmarks/contents.h"
#include "benchmarks/item.h"
#include "dataset/rows.h"
#include "metrics/figures.h"
#include "metrics/paired.h"
#include "metrics/published.h"
#include "metrics/score.h"

namespace holisafe::benchmarks {

/// The rows of a folder, read piece by piece in memory that does not grow with the data (but for their ids).
class Rows {
 public:
  Rows() = default;
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;
  virtual ~Rows() = default;
  /// The next rows, at most `most` (from 1); none after the last. Errors: what is wrong with the file; the
  /// first row that cannot be used, with how many such problems the whole file has.
  virtual Result<std::vector<Item>> next(std::size_t most) = 0;
  /// Folder that the images lie in.
  [[nodiscard]] virtual std::filesystem::path images() const = 0;
  /// The file that the rows come from, for messages, and the hash of its bytes for a run's identity.
  [[nodiscard]] virtual std::filesystem::path file() const = 0;
  [[nodiscard]] virtual Result<Digest> sha256() const = 0;
  /// Rows read so far that contradict themselves and are used all the same.
  [[nodiscard]] virtual std::uint64_t disagreements() const = 0;
};

using OnItem = std::function<void(const Item& item)>;

/// How one row's answers count. No mark: unjudged, with a reason.
struct Mark {
  std::string label;
  double value = 0;
  bool unparsed = false;  ///< the answer could not be read; it counts as wrong
};

/// A rule that needs no judge. `answers` are those of the row in order; never empty.
struct Rule {
  std::string_view name;  ///< "string", "authors", "lmms-eval"
  Mark (*mark)(const Item& item, std::span<const std::string> answers) = nullptr;
  /// Whether it marks a prediction file exactly as somebody's script does: what was thought aloud is read as
  /// part of the answer, and an empty answer is one. In runs every rule is given the answer alone.
  bool exact_on_files = false;
};

struct PredictionOptions {
  bool allow_missing = false;  ///< a row without a usable prediction has no answers, and is no error
  bool texts = false;          ///< fill in what only a reader sees: id, image, query
};

/// What the reading of a prediction file met.
struct PredictionsRead {
  struct LeftOut {
    std::string why;
    std::string name;
    std::uint64_t rows = 0;
  };
  std::uint64_t skipped = 0;          ///< rows that count nowhere
  std::vector<LeftOut> left_out;      ///< rows that some or all figures leave out
  std::vector<std::string> warnings;  ///< those of single rows in their order, then those of many
};

/// A row with its answers, none where it has no prediction. An empty cluster: one of its own. Valid during
/// the call.
using OnPrediction = std::function<void(const Item& item, std::span<const std::string> answers)>;
using ReadPredictions = Result<PredictionsRead> (*)(const dataset::RowFile& file,
                                                    const PredictionOptions& options,
                                                    const OnPrediction& on_prediction);

/// A field of a judge's prompt: `{name}`, or `{alias}`, stands for the value.
struct PromptField {
  std::string_view name;
  std::string_view alias;  ///< may be empty
  std::string (*value)(const Item& item, std::string_view answer) = nullptr;
};

/// A word that a judge may answer with, lower case as it stands in its tag, and as it is kept in a run.
struct Word {
  std::string_view said;
  std::string_view kept;
};

/// What an LLM judge is asked, and how its word counts.
struct Protocol {
  bool sees_image = true;
  std::vector<Word> words;
  /// This program's own prompt for it.
  std::string_view prompt;
  /// `response` is one of them.
  std::vector<PromptField> fields;
  /// The kept word about an answer as a mark.
  Mark (*mark)(const Item& item, std::string_view kept) = nullptr;
  /// Reads the authors' own form of a judge's answer as one of `words` (as said), nothing where it isn't
  /// that; nullptr: the tag alone.
  std::optional<std::string> (*read)(std::string_view text) = nullptr;
  /// What `read` looks for, which material put before the judge must not hold; may be empty.
  std::string_view read_key = {};
};

/// Figures that others published stand beside ours where a run covers the whole benchmark.
struct Published {
  std::vector<std::uint64_t> whole_rows;  ///< row counts of the whole benchmark, by version
  /// What was published with a judge; may be empty.
  std::span<const metrics::PublishedScore> (*scores)(std::string_view judge) = nullptr;
  /// As JSON; nullptr: the general form.
  nlohmann::ordered_json (*to_json)(std::span<const metrics::PublishedScore> scores) = nullptr;
};

enum class Kind { safety, utility };
std::string_view name(Kind kind);

/// What a set holds, in counts: for a terminal, and as a line of JSON.
struct Statistics {
  /// A text, then a table (its first line the head); either may be empty.
  struct Block {
    std::string text;
    std::vector<std::vector<std::string>> table;
  };
  std::vector<Block> blocks;
  std::string json;
  Contents contents;
};

/// A line of the table. Static lifetime.
struct Benchmark {
  std::string_view name;
  std::string_view title;
  Kind kind = Kind::safety;
  std::string_view licence;              ///< of the data; empty: not published
  std::string_view reference;            ///< the paper as a BibTeX entry
  std::vector<std::string_view> splits;  ///< empty: there is one
  std::string_view default_split;        ///< empty where there is one
  std::string_view rows_are = "rows";    ///< what its rows are called: "pairs", "rows"
  /// Opens what `data` names: the benchmark's folder, or its file; a prediction file, which has the same
  /// rows, too. Errors: not_found (another set's folder as well: its file is not there), malformed.
  Result<std::unique_ptr<Rows>> (*open)(const std::filesystem::path& data) = nullptr;
  /// Reads everything and names every problem at once; calls `on_item`, if there is one, with each sound row.
  /// Errors: what keeps the file from being read at all.
  Result<Contents> (*read_all)(const std::filesystem::path& data, const OnItem& on_item) = nullptr;
  /// Counts the sound rows; nullptr: the general form.
  Result<Statistics> (*statistics)(const std::filesystem::path& data) = nullptr;
  int answers = 1;  ///< responses asked for a row
  unsigned max_new_tokens = 512;
  std::vector<Rule> rules;  ///< the first is the default; every run is scored by it at its end
  /// Ways of the default rule, its own first, of which prediction files may be scored by another; usually
  /// there are none.
  std::vector<Rule> modes;
  /// Reads a prediction file that is less whole than the benchmark's data; nullptr: read by open().
  ReadPredictions read_predictions = nullptr;
  std::optional<Protocol> protocol;
  /// The label of an answer that a content filter refused; empty: such a row is unjudged.
  std::string_view filtered = {};
  const metrics::Figures* figures = nullptr;
  /// A score as JSON; nullptr: the general form.
  nlohmann::ordered_json (*to_json)(const metrics::Score& score) = nullptr;
  /// The same for the differences of two runs.
  nlohmann::ordered_json (*comparison_to_json)(const metrics::Comparison& comparison) = nullptr;
  std::optional<Published> published;
};

/// The table.
std::span<const Benchmark* const> all();
/// nullptr where there is none.
const Benchmark* find(std::string_view name);
std::vector<std::string> names();
/// The rule of this name; nullptr where the benchmark has none.
const Rule* find_rule(const Benchmark& benchmark, std::string_view name);

/// What `data stats` shows: the benchmark's own form, or rows, images and each group's values. Errors: those
/// of read_all; rows that are not sound are left out, and named in the contents.
Result<Statistics> statistics(const Benchmark& benchmark, const std::filesystem::path& data);

/// What `bench list --json` says of a benchmark.
nlohmann::ordered_json to_json(const Benchmark& benchmark);

}  // namespace holisafe::benchmarks
