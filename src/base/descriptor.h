// Open files by number, where streams do too much: whoever opens one closes it, and bytes go through whole.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <unistd.h>

#include "base/result.h"

namespace holisafe {

/// Closes a descriptor when it goes; a negative number is none.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int get() const { return number_; }
  int release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

/// The next bytes of a file, as many as `out` holds; fewer at its end alone. Gives how many. Errors: those of
/// system_error(), with `path`.
Result<std::size_t> read_fully(int file, std::span<char> out, const std::filesystem::path& path);

/// Errors: those of system_error(), with `what` and `path`.
Result<void> write_fully(int file, std::string_view bytes, const std::filesystem::path& path,
                         std::string what = "cannot write");

}  // namespace holisafe
