// What a source of a build holds: its pictures with what is said of them, in a fixed order, and the pairs
// that a data set brings along. Nothing is decoded here.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::construction {

/// A picture as its source names it.
struct NamedPicture {
  std::string path;                        ///< in its source
  std::string file;                        ///< where it lies, absolute and without links
  std::optional<std::size_t> label;        ///< class; nothing: the source does not say
  std::optional<std::size_t> subcategory;  ///< of the pairs of a safe picture, 1 to 19
  std::string license;
  std::string origin;
  std::string where;  ///< for messages: the file and row that say so
};

/// A pair as its source has it.
struct NamedPair {
  std::string path;  ///< of its picture, in the source
  taxonomy::Combination type = taxonomy::Combination::SSS;
  std::size_t subcategory = 0;  ///< 0: none, of SSS alone
  std::string instruction;
  std::string response;  ///< empty: the set has none
  std::string place;     ///< tells it from all others of its source
};

using OnPicture = std::function<Result<void>(const NamedPicture&)>;
using OnPair = std::function<Result<void>(const NamedPair&)>;

/// A folder whose pictures must lie in it, wherever links lead.
class PictureFolder {
 public:
  /// Errors: not_found, not_a_file, permission.
  static Result<PictureFolder> open(const std::filesystem::path& folder);
  /// The regular file at `relative`. Errors name `where`: outside_root (also by a link), not_found,
  /// not_a_file, permission.
  Result<std::string> file(std::string_view relative, const std::string& where) const;
  /// Whether a path without links lies in it.
  [[nodiscard]] bool holds(const std::filesystem::path& real) const;

 private:
  explicit PictureFolder(std::filesystem::path folder) : folder_(std::move(folder)) {}
  std::filesystem::path folder_;  ///< without links
};

/// All pictures of a folder tree in the order of their paths' bytes; what is none adds to `others`. Errors:
/// outside_root (a link to a folder or a picture elsewhere), not_found (a link to nowhere), missing (no
/// picture at all), those of the system.
Result<void> read_tree(const std::string& folder, const OnPicture& visit, std::uint64_t& others);

/// All rows of a table in their order; pictures lie beneath the folder that the table lies in. Errors, with
/// file, row and field: missing, wrong_type, unexpected (a label), outside_root, not_found; those of
/// FieldRows.
Result<void> read_table(const std::string& table, const OnPicture& visit);

/// The rows of a data set in a folder, of holisafe_bench.json and then of train.json, its pictures beneath
/// images/. A picture comes as often as it has rows. `on_pair` may be empty. Errors: as of read_table();
/// mismatch (fields that contradict each other), unsupported (a conversation that is no pair).
Result<void> read_set(const std::string& folder, const OnPicture& on_picture, const OnPair& on_pair);
/// Whether read_set() finds a data set there.
bool holds_set(const std::string& folder);

/// The table of metadata in a folder; nothing where there is none. Errors: unexpected (two of them).
Result<std::optional<std::string>> metadata_of(const std::string& folder);

inline constexpr std::string_view train_file_name = "train.json";

}  // namespace holisafe::construction
