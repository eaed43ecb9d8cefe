// For fuzz targets whose parser reads files: a folder in memory, removed when the target ends.
//
//   static const InputFolder folder("config_fuzz");
//   folder.write("config.json", bytes);
#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include <unistd.h>

namespace holisafe {

/// Aborts where the folder or a file cannot be written.
class InputFolder {
 public:
  explicit InputFolder(const std::string& name)
      : path_("/dev/shm/holisafe_" + name + "_" + std::to_string(::getpid())) {
    std::filesystem::create_directories(path_);
  }
  InputFolder(const InputFolder&) = delete;
  InputFolder& operator=(const InputFolder&) = delete;
  ~InputFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  /// Gives the file's path.
  std::filesystem::path write(const char* name, std::string_view bytes) const {
    std::filesystem::path out = path_ / name;
    std::FILE* file = std::fopen(out.c_str(), "wb");
    if (file == nullptr) std::abort();
    const bool whole = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
    if (std::fclose(file) != 0 || !whole) std::abort();
    return out;
  }

 private:
  std::filesystem::path path_;
};

/// What stands before the first NUL of an input, and what behind it.
struct TwoParts {
  std::string_view first;
  std::string_view second;
  bool has_second = false;

  explicit TwoParts(std::string_view input) {
    const auto cut = input.find('\0');
    first = input.substr(0, cut);
    has_second = cut != std::string_view::npos;
    if (has_second) second = input.substr(cut + 1);
  }
};

}  // namespace holisafe
