// What is wrong with the rows of a file: all of it at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "dataset/rows.h"

namespace holisafe::dataset {

/// Counts every problem and keeps the first ones, so that a file of nothing but problems stays bounded.
class Problems {
 public:
  explicit Problems(std::string file) : file_(std::move(file)) {}

  /// The file that rows from now on are of.
  void set_file(std::string file) { file_ = std::move(file); }

  /// Notes one problem of `row`'s `field`; `field` may be empty.
  void add(const Row& row, std::string_view field, ErrorKind kind, std::string what,
           std::string detail = {}) {
    ++count_;
    if (kept_.size() < max_kept)
      kept_.push_back({kind, std::move(what), row.where(file_, field), std::move(detail)});
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  /// At most max_kept, in the order they were found.
  [[nodiscard]] const std::vector<Error>& kept() const { return kept_; }
  [[nodiscard]] std::uint64_t left_out() const { return count_ - kept_.size(); }

  static constexpr std::size_t max_kept = 10'000;

 private:
  std::string file_;
  std::vector<Error> kept_;
  std::uint64_t count_ = 0;
};

}  // namespace holisafe::dataset
