// The bytes of a file one at a time, with where they stand: what the readers of rows and of CSV look at.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "base/input_file.h"

namespace holisafe::dataset {

/// Reads ahead into a buffer of its own. One thread at a time.
class ByteSource {
 public:
  static constexpr int end_of_file = -1;

  explicit ByteSource(InputFile file) : file_(std::move(file)) {}

  /// The next byte, or end_of_file: then error() says whether the file could be read to its end.
  int peek() {
    if (at_ < size_) return static_cast<unsigned char>(buffer_[at_]);
    auto got = file_.read(buffer_.data(), buffer_.size(), start_ + size_);
    if (!got) error_ = got.error();
    if (!got || *got == 0) return end_of_file;
    start_ += size_;
    size_ = *got;
    at_ = 0;
    return static_cast<unsigned char>(buffer_[0]);
  }
  /// The same, and goes on behind it.
  int take() {
    const int c = peek();
    if (c != end_of_file) ++at_;
    if (c == '\n') ++line_;
    return c;
  }

  /// What has been read from the next byte on.
  [[nodiscard]] std::string_view buffered() const { return {buffer_.data() + at_, size_ - at_}; }
  /// Goes on behind so many bytes of buffered(), which hold no line end.
  void skip(std::size_t bytes) { at_ += bytes; }
  /// Begins anew.
  void rewind() {
    size_ = at_ = 0;
    start_ = 0;
    line_ = 1;
    error_.reset();
  }

  /// Of the next byte: from 0 in the file, and from 1.
  [[nodiscard]] std::uint64_t offset() const { return start_ + at_; }
  [[nodiscard]] std::uint64_t line() const { return line_; }
  /// Of a read that failed.
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  [[nodiscard]] const InputFile& file() const { return file_; }

 private:
  InputFile file_;
  std::array<char, std::size_t{64} << 10U> buffer_{};
  std::size_t size_ = 0;
  std::size_t at_ = 0;
  std::uint64_t start_ = 0;  ///< of the buffer in the file
  std::uint64_t line_ = 1;
  std::optional<Error> error_;
};

}  // namespace holisafe::dataset
