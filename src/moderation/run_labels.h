// Labels that somebody gave to files, for measuring a run by.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/result.h"

namespace holisafe::moderation {

/// Rows with `image` and `image_safety_label` by the file that `image` names.
class RunLabels {
 public:
  /// `images`: the folder that paths start from; empty: `images` beside the file. Rows without image or
  /// label, and those with -100, say nothing. Errors: those of RowFile; out_of_range (a label), mismatch (two
  /// rows on one file).
  static Result<RunLabels> read(const std::filesystem::path& file, const std::filesystem::path& images);

  /// The label of a file that holds the content of that number, the first time this content is asked for;
  /// else nothing. Error: mismatch (another file of this content had another label).
  Result<std::optional<std::size_t>> of(const std::filesystem::path& path, std::int64_t content);

 private:
  struct Given {
    std::size_t label = 0;
    std::string row;  ///< where it was given
  };
  explicit RunLabels(std::string file) : file_(std::move(file)) {}
  std::string file_;
  std::unordered_map<std::string, Given> by_file_;
  std::unordered_map<std::int64_t, Given> by_content_;
};

}  // namespace holisafe::moderation
