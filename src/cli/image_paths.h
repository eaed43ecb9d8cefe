// Image files named on a command line: files, folders, a list on standard input.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/result.h"

namespace holisafe::cli {

/// Lines of a file descriptor, read as they come, without blocking past a request to stop.
class LineReader {
 public:
  LineReader(int descriptor, const StopFlag* stop) : descriptor_(descriptor), stop_(stop) {}
  /// The next line without its end; nothing at the end of the input.
  std::optional<std::string> next();

 private:
  bool fill();  ///< more bytes into the buffer; false at the end

  int descriptor_;
  const StopFlag* stop_;
  std::string buffer_;
  bool at_end_ = false;
};

/// Gives one file after the other. Not thread-safe.
class ImagePaths {
 public:
  struct Item {
    std::string path;
    std::optional<Error> error;  ///< a folder that cannot be taken
  };

  /// `paths` in order: a file as it is; a folder's pictures (by name or content, beneath it too, in the order
  /// of their names) if `recursive`, else an error; `-`: the lines of `descriptor`.
  ImagePaths(std::vector<std::string> paths, bool recursive, int descriptor, const StopFlag* stop)
      : paths_(std::move(paths)), recursive_(recursive), lines_(descriptor, stop) {}

  std::optional<Item> next();

 private:
  Item take(const std::string& path);

  std::vector<std::string> paths_;
  bool recursive_;
  LineReader lines_;
  bool in_list_ = false;
  std::size_t index_ = 0;
  std::deque<std::string> folder_files_;
};

}  // namespace holisafe::cli
