// Image files named on a command line: files, folders, a list on standard input.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
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
  /// The next name without its end, cut where it is longer than a file's can be; nothing at the end of the
  /// input.
  std::optional<std::string> next();

 private:
  bool fill();  ///< other bytes into the buffer; false at the end

  int descriptor_;
  std::size_t ends_;
  const StopFlag* stop_;
  std::string buffer_;
  std::size_t begin_ = 0;  ///< of what was not given yet
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
  /// error; `-`: the names that `descriptor` lists, an error where it lists none.
  ImagePaths(std::vector<std::string> paths, Options options, int descriptor, const StopFlag* stop)
      : paths_(std::move(paths)),
        options_(options),
        names_(descriptor, options.only_nul, stop),
        stop_(stop) {}

  std::optional<Item> next();

 private:
  std::optional<Item> next_name();
  [[nodiscard]] bool stopped() const { return stop_ != nullptr && stop_->requested(); }

  std::vector<std::string> paths_;
  Options options_;
  NameReader names_;
  const StopFlag* stop_;
  bool in_list_ = false;
  bool list_is_empty_ = false;
  std::size_t index_ = 0;
  std::optional<image::PictureTree> tree_;
};

/// Counts on a thread of its own what ImagePaths gives for the same paths.
class ImageCount {
 public:
  /// Names of a list are read once: with one, nothing is counted.
  ImageCount(const std::vector<std::string>& paths, ImagePaths::Options options, const StopFlag* stop);
  ImageCount(const ImageCount&) = delete;
  ImageCount& operator=(const ImageCount&) = delete;
  ~ImageCount();

  /// 0 until all are counted.
  [[nodiscard]] const std::atomic<std::uint64_t>& total() const { return total_; }

 private:
  std::atomic<std::uint64_t> total_{0};
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

}  // namespace holisafe::cli
