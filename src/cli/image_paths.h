// Image files named on a command line: files, folders, a list on standard input.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "image/picture_tree.h"

namespace holisafe::cli {

/// Names out of a file descriptor, read as they come, without blocking past a request to stop.
class NameReader {
 public:
  /// A name ends at a newline or a NUL, which no name holds; if `only_nul`, at a NUL alone.
  NameReader(int descriptor, bool only_nul, const StopFlag* stop)
      : descriptor_(descriptor), ends_(only_nul ? 1 : 2), stop_(stop) {}
  /// The next name without its end; nothing at the end of the input.
  std::optional<std::string> next();

 private:
  bool fill();  ///< more bytes into the buffer; false at the end

  int descriptor_;
  std::size_t ends_;
  const StopFlag* stop_;
  std::string buffer_;
  bool at_end_ = false;
};

/// Gives one file after the other. Not thread-safe.
class ImagePaths {
 public:
  using Item = image::PictureTree::Found;

  struct Options {
    bool recursive = false;
    bool only_nul = false;  ///< names of a list end at a NUL alone
  };

  /// `paths` in order: a file as it is; a folder's pictures (image/picture_tree.h) if `recursive`, else an
  /// error; `-`: the names that `descriptor` lists.
  ImagePaths(std::vector<std::string> paths, Options options, int descriptor, const StopFlag* stop)
      : paths_(std::move(paths)), options_(options), names_(descriptor, options.only_nul, stop) {}

  std::optional<Item> next();

 private:
  std::optional<std::string> next_name();

  std::vector<std::string> paths_;
  Options options_;
  NameReader names_;
  bool in_list_ = false;
  std::size_t index_ = 0;
  std::optional<image::PictureTree> tree_;
};

}  // namespace holisafe::cli
