// What a human decided on pictures of a guard run: a file of rows
//
//   {"path": "uploads/1.jpg", "label": "safe"}
//   {"sha256": "9f86d081884c7d65…", "label": "weapon_related_violence"}
//   {"path": "uploads/3.jpg", "label": 17}
//   {"path": "uploads/4.jpg", "label": null}
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/hash.h"
#include "base/result.h"

namespace holisafe::moderation {

struct Decision {
  std::optional<std::size_t> label;  ///< a class, 0 to 19; nothing: the picture is to be left out
  std::size_t row = 0;               ///< of the file, from 1
};

/// A JSON array or JSON lines of objects. `sha256` (64 hexadecimal digits) stands for a content, `path` for
/// one as verdicts.jsonl writes it, with `path_bytes` where it does; with both, `sha256` decides. `label` is
/// a class's name or other name, its number, or null: leave this picture out. Other fields are let through,
/// so that lines of verdicts.jsonl with another `label` serve.
class Decisions {
 public:
  /// Errors: those of RowStream; missing, wrong_type, malformed, out_of_range with file, row and field;
  /// mismatch (another label for the same picture in an earlier row).
  static Result<Decisions> read(const std::filesystem::path& file);

  /// Files a path's decision under the content that the path holds. Error: mismatch.
  Result<void> settle(const std::string& path, const Digest& content);
  /// On a content; null where nothing was decided.
  [[nodiscard]] const Decision* on(const Digest& content) const;

  /// Rows whose path was not among those that settle() was told of, in no order.
  [[nodiscard]] const std::unordered_map<std::string, Decision>& unsettled() const { return by_path_; }

  [[nodiscard]] const std::filesystem::path& file() const { return file_; }

 private:
  explicit Decisions(std::filesystem::path file) : file_(std::move(file)) {}
  Result<void> add(std::string_view row, std::size_t number);
  [[nodiscard]] tl::unexpected<Error> wrong(std::size_t row, ErrorKind kind, const char* field,
                                            std::string detail) const;
  Result<void> insert(std::unordered_map<std::string, Decision>& to, std::string key, Decision decision);

  std::filesystem::path file_;
  std::unordered_map<std::string, Decision> by_content_;  ///< by hexadecimal SHA-256
  std::unordered_map<std::string, Decision> by_path_;
};

}  // namespace holisafe::moderation
