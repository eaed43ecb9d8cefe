// What a benchmark is. One file a benchmark, one line a benchmark in the table (benchmarks.cpp); the run
// loop, the store, judging, reports and comparisons know none by name.
//
//   const Benchmark* mmmu = find("mmmu");
//   HOLISAFE_TRY(auto rows, mmmu->open("MMMU"));
//   while (true) { HOLISAFE_TRY(auto items, rows->next(256)); if (items.empty()) break; … }
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "chat/chat.h"
#include "dataset/problems.h"
#include "metrics/figures.h"
#include "metrics/score.h"

namespace holisafe::benchmarks {

/// A row of a benchmark. Its images are paths relative to Rows::images().
struct Item {
  std::int64_t position = 0;  ///< its row in the data, from 0
  std::string id;             ///< the integer's digits, or the string; unique
  bool id_is_string = false;
  std::vector<chat::Part> parts;  ///< the user's turn, in the order of the prompt
  std::string query;              ///< the text to show to a reader
  metrics::Groups groups;
  std::string cluster;       ///< rows of one cluster (an image) stand or fall together
  std::string target;        ///< what a rule compares with: a letter, a word; may be empty
  std::optional<int> label;  ///< guard class of its image, 0-19; nothing: unknown
  std::string json;          ///< the row as it stands in the data
};

/// The rows of a folder, read piece by piece in memory that does not grow with the data.
class Rows {
 public:
  virtual ~Rows() = default;
  /// The next rows, at most `most`; none after the last. Errors: the first row that cannot be used, with how
  /// many there are.
  virtual Result<std::vector<Item>> next(std::size_t most) = 0;
  /// Folder that the images lie in.
  [[nodiscard]] virtual std::filesystem::path images() const = 0;
  /// The file, or files, that the rows come from: what a run's identity hashes.
  [[nodiscard]] virtual std::vector<std::filesystem::path> files() const = 0;
  /// Rows read so far that contradict themselves and are used all the same.
  [[nodiscard]] virtual std::uint64_t disagreements() const { return 0; }
};

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
};

/// What an LLM judge is asked, and how its word counts.
struct Protocol {
  bool sees_image = true;
  /// The judge's words, as they stand in its tag, lower case, and in the store.
  std::vector<std::string> words;
  /// This program's own prompt for it, with named fields (judge/prompt.h).
  std::string_view prompt;
  /// The values of the prompt's fields for a row.
  std::vector<std::pair<std::string, std::string>> (*fields)(const Item& item,
                                                             std::string_view answer) = nullptr;
  /// The judge's word about an answer as a mark.
  Mark (*mark)(const Item& item, std::string_view word) = nullptr;
  /// Reads the authors' own form of an answer; nullptr: the tag alone.
  std::optional<std::string> (*read)(std::string_view text) = nullptr;
};

/// Figures that others published, and when they may stand beside ours.
struct Published {
  std::vector<std::uint64_t> whole_rows;  ///< row counts of the whole benchmark, by version
};

enum class Kind { safety, utility };
std::string_view name(Kind kind);

struct Benchmark {
  std::string_view name;
  std::string_view title;
  Kind kind = Kind::safety;
  /// Opens what `data` names: the benchmark's folder, or its file. Errors: not_found, malformed, unexpected
  /// (another set's folder).
  Result<std::unique_ptr<Rows>> (*open)(const std::filesystem::path& data) = nullptr;
  /// Reads everything and names every problem at once, for `data check`. Images are not touched.
  Result<void> (*check)(const std::filesystem::path& data, dataset::Problems& problems,
                        dataset::Problems& disagreements) = nullptr;
  int answers = 1;  ///< responses asked for a row
  unsigned max_new_tokens = 512;
  std::vector<Rule> rules;  ///< the first is the default; every run is scored by it at its end
  std::optional<Protocol> protocol;
  const metrics::Figures* figures = nullptr;
  /// A score as JSON; nullptr: the general form.
  nlohmann::ordered_json (*to_json)(const metrics::Score& score) = nullptr;
  std::optional<Published> published;
};

/// The table.
std::span<const Benchmark* const> all();
/// nullptr where there is none.
const Benchmark* find(std::string_view name);
std::vector<std::string> names();

}  // namespace holisafe::benchmarks
