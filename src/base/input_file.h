// A file that the user named to be read: a file on disk, or what comes once and in one direction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/file.h"
#include "base/hash.h"
#include "base/result.h"

namespace holisafe {

/// Can be read as often as needed, from any place. What comes through standard input (`-`), a pipe or a
/// device is copied into a file without a name first, so that memory does not grow with it. Copies share the
/// file; thread-safe.
class InputFile {
 public:
  static constexpr std::uint64_t most_piped_bytes = std::uint64_t{4} << 30U;

  /// Waits for the writer of a pipe. Errors: not_found, not_a_file (a folder, a socket), permission, io,
  /// out_of_space, too_large (over `most_piped` bytes that do not come from a file on disk).
  static Result<InputFile> open(const std::filesystem::path& path,
                                std::uint64_t most_piped = most_piped_bytes);

  /// A file without a name that holds what `write` writes: what was made of the file that the user named
  /// `path`. Errors: io, out_of_space; those of `write`.
  static Result<InputFile> made(const std::filesystem::path& path,
                                const std::function<Result<void>(const WritePiece&)>& write);

  /// As the user named it, for messages.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// A path under which other code can open it while this object lives.
  [[nodiscard]] std::filesystem::path open_path() const;
  /// Whether it is a file on disk of that name.
  [[nodiscard]] bool on_disk() const { return on_disk_; }

  /// Reads at most `size` bytes; 0 at the end. Errors: io.
  Result<std::size_t> read(char* out, std::size_t size, std::uint64_t offset) const;
  /// All bytes, with some room behind them for parsers. Errors: io, too_large.
  Result<void> read_all(std::string& out, std::uint64_t max_bytes) const;
  /// Of all bytes. Errors: io.
  [[nodiscard]] Result<Digest> sha256() const;

 private:
  explicit InputFile(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
  bool on_disk_ = true;
  std::shared_ptr<const int> file_;
};

/// The folder of a file that the user named; where it is no file on disk, the one that the program runs in.
std::filesystem::path folder_beside(const std::filesystem::path& input);

}  // namespace holisafe
