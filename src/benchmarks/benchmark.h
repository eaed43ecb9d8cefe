// What a benchmark is. One file a benchmark, one line a benchmark in the table (benchmarks.cpp); the run
// loop, the store, judging, reports and comparisons know none by name.
//
//   const Benchmark* mmmu = find("mmmu");
//   HOLISAFE_TRY(auto rows, mmmu->open({"MMMU", "validation"}));
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

#include "base/input_file.h"
#include "base/result.h"
#include "benchmarks/contents.h"
#include "benchmarks/item.h"
#include "dataset/rows.h"
#include "judge/material.h"
#include "metrics/figures.h"
#include "metrics/paired.h"
#include "metrics/published.h"
#include "metrics/score.h"
#include "sources/image_source.h"

namespace holisafe::benchmarks {

/// What the user named: a set's folder as downloaded, or a file of its rows; and which of its splits (empty:
/// the set's default).
struct DataPlace {
  std::filesystem::path path;
  std::string split = {};
};

/// The rows of a set, read piece by piece in memory that does not grow with the data (but for their ids).
class Rows {
 public:
  Rows() = default;
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;
  virtual ~Rows() = default;
  /// The next rows, at most `most` (from 1); none after the last. Errors: what is wrong with the file; the
  /// first row that cannot be used, with how many such problems the whole file has.
  virtual Result<std::vector<Item>> next(std::size_t most) = 0;
  /// Begins anew.
  virtual void rewind() = 0;
  /// The images, by the names that items have. Errors: those of opening an archive.
  virtual Result<std::shared_ptr<sources::ImageSource>> images() = 0;
  /// From now on a row is no longer sound whose image is not there; images are not read for that. Errors:
  /// those of images().
  virtual Result<void> require_images() = 0;
  /// The file that the rows come from, of several their folder, for messages.
  [[nodiscard]] virtual std::filesystem::path file() const = 0;
  /// What tells the rows from others, for a run's identity: the hash of their file's bytes; of several files,
  /// or of Parquet, that of names and digests (sources::RowSource::digest).
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
  /// What was read in the answer: a letter, a normalised text, a word; nothing where nothing was.
  std::optional<std::string> parsed = {};
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
/// `{query}`, also by another name, and `{response}`.
PromptField query_field(std::string_view alias = {});
PromptField response_field();

/// A word that a judge may answer with, lower case as it stands in its tag, and as it is kept in a run.
struct Word {
  std::string_view said;
  std::string_view kept;
  std::string_view written = {};  ///< as the prompt asks for it, where that is not lower case
};

/// What an LLM judge is asked, and how its word counts.
struct Protocol {
  bool sees_image = true;
  std::vector<Word> words;
  /// This program's own prompts for it, at least one.
  std::vector<std::string_view> prompts;
  /// Which of them is put about a row; nullptr: the first.
  std::size_t (*prompt_of)(const Item& item) = nullptr;
  /// `response` is one of them.
  std::vector<PromptField> fields;
  /// The kept word about an answer as a mark.
  Mark (*mark)(const Item& item, std::string_view kept) = nullptr;
  /// Reads the authors' own form of a judge's answer as one of `words` (as said), nothing where it isn't
  /// that; nullptr: the tag alone.
  std::optional<std::string> (*read)(std::string_view text) = nullptr;
  /// Where what `read` looks for begins, which material put before the judge must not hold; may be nullptr.
  judge::KeyAt read_key = nullptr;
  /// The mark of a row that several answers are asked for (Benchmark::answers) from those of the answers,
  /// whoever marked them: in order, nothing for one that nobody marked. Nothing: unjudged, where that could
  /// tip it. nullptr: there is one answer.
  std::optional<Mark> (*combine)(std::span<const std::optional<Mark>> answers) = nullptr;
};

/// Figures that others published stand beside ours where a run covers the whole benchmark.
struct Published {
  std::vector<std::uint64_t> whole_rows;  ///< row counts of the whole benchmark, by version
  /// What was published with a judge; may be empty.
  std::span<const metrics::PublishedScore> (*scores)(std::string_view judge) = nullptr;
  /// As JSON; nullptr: the general form.
  nlohmann::ordered_json (*to_json)(std::span<const metrics::PublishedScore> scores) = nullptr;
  /// Row counts of smaller versions of it, which are no reason for a warning, but what the scores are not
  /// over.
  std::vector<std::uint64_t> part_rows = {};
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

/// A column of rows as CSV whose cells are no text.
struct TypedColumn {
  enum class Kind { integer, boolean };
  std::string_view name;
  Kind kind = Kind::integer;
};

struct RowFormat;

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
  /// Rows that each of `splits` holds, in their order; 0: not published, or another split's.
  std::vector<std::uint64_t> split_rows = {};
  /// Whether data of any size, and with missing images, are usual: nothing is said of either before asking.
  bool any_part_will_do = false;
  const RowFormat* format = nullptr;  ///< how its files are read (set_rows.h)
  std::string_view id_field = "id";   ///< of its rows
  std::vector<TypedColumn> columns;   ///< of its rows as CSV; the others hold text
  /// Counts the sound rows; nullptr: the general form.
  Result<Statistics> (*statistics)(const DataPlace& data) = nullptr;
  int answers = 1;  ///< responses asked for a row
  unsigned max_new_tokens = 512;
  std::vector<Rule> rules;  ///< the first is the default; every run is scored by it at its end
  /// Whether rules compare answers with Item::target: data whose rows have none can be asked, not scored.
  bool compares_targets = false;
  /// Ways of the default rule, its own first, of which prediction files may be scored by another; usually
  /// there are none.
  std::vector<Rule> modes;
  /// Reads a prediction file that is less whole than the benchmark's data; nullptr: read by open().
  ReadPredictions read_predictions = nullptr;
  std::optional<Protocol> protocol;
  /// The labels of a row that nobody marks where it is to count as refused or as complied with: an answer
  /// that a content filter refused, an empty one. Empty: such a row is unjudged.
  std::string_view refused = {};
  std::string_view complied = {};
  const metrics::Figures* figures = nullptr;
  /// A score as JSON; nullptr: the general form.
  nlohmann::ordered_json (*to_json)(const metrics::Score& score) = nullptr;
  /// The same for the differences of two runs.
  nlohmann::ordered_json (*comparison_to_json)(const metrics::Comparison& comparison) = nullptr;
  std::optional<Published> published;

  /// Opens what `data` names: the benchmark's folder, or its file; a prediction file, which has the same
  /// rows, too. Errors: not_found (another set's folder as well: its file is not there), malformed; usage (no
  /// such split).
  [[nodiscard]] Result<std::unique_ptr<Rows>> open(const DataPlace& data) const;
  /// The same for a file of rows in hand.
  [[nodiscard]] Result<std::unique_ptr<Rows>> open_file(InputFile rows) const;
  /// Reads everything and names every problem at once; calls `on_item`, if there is one, with each sound row.
  /// Errors: what keeps the file from being read at all.
  [[nodiscard]] Result<Contents> read_all(const DataPlace& data, const OnItem& on_item) const;
};

/// What is said of data with so many rows where others were published; nothing where they are as many, or
/// that is not known. `split` empty: the default.
std::optional<std::string> row_count_note(const Benchmark& benchmark, std::string_view split,
                                          std::uint64_t rows);
/// The table.
std::span<const Benchmark* const> all();
/// nullptr where there is none.
const Benchmark* find(std::string_view name);
std::vector<std::string> names();
/// The rule of this name; nullptr where the benchmark has none.
const Rule* find_rule(const Benchmark& benchmark, std::string_view name);
/// Whether rules alone score it: no judge is asked, and an empty answer is one that its rules read.
inline bool scored_by_rules(const Benchmark& benchmark) { return !benchmark.protocol; }
/// The sampling temperature of its requests unless another is asked for: several responses to a row are
/// sampled, one is the model's likeliest.
inline double usual_temperature(const Benchmark& benchmark) { return benchmark.answers > 1 ? 1 : 0; }

/// The split that `asked` means, empty: the benchmark's default. Errors: usage (the benchmark has no such
/// split, or none at all).
Result<std::string> split_of(const Benchmark& benchmark, std::string_view asked);

/// What `data stats` shows: the benchmark's own form, or rows, images and each group's values. Errors: those
/// of read_all; rows that are not sound are left out, and named in the contents.
Result<Statistics> statistics(const Benchmark& benchmark, const DataPlace& data);

/// What `bench list --json` says of a benchmark.
nlohmann::ordered_json to_json(const Benchmark& benchmark);

}  // namespace holisafe::benchmarks
