// Reading, mapping and replacing files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace holisafe {

/// The whole of a regular file. Errors: not_found, not_a_file, permission, io, too_large (over max_bytes).
Result<std::string> read_file(const std::filesystem::path& path,
                              std::uint64_t max_bytes = std::uint64_t{1} << 34);

/// The same into a string whose memory serves again.
Result<void> read_file(const std::filesystem::path& path, std::string& out,
                       std::uint64_t max_bytes = std::uint64_t{1} << 34);

/// The first bytes of a regular file, at most so many. Errors: not_found, not_a_file, permission, io.
Result<std::string> read_start(const std::filesystem::path& path, std::size_t most_bytes);

/// A regular file mapped read-only. Copies share the mapping; the bytes stay valid while any copy lives.
/// Never written through. Thread-safe to read.
class MappedFile {
 public:
  /// Errors: not_found, not_a_file, permission, io.
  static Result<MappedFile> open(const std::filesystem::path& path);

  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_.get(), size_}; }
  [[nodiscard]] std::string_view text() const { return {reinterpret_cast<const char*>(data_.get()), size_}; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// Keeps the mapping alive; for views that outlive this object.
  [[nodiscard]] std::shared_ptr<const std::byte> owner() const { return data_; }

 private:
  std::shared_ptr<const std::byte> data_;
  std::size_t size_ = 0;
  std::filesystem::path path_;
};

/// Gives back the memory of a mapped file's pages that lie wholly within `bytes`; they are read again when
/// touched.
void release_pages(std::span<const std::byte> bytes);

/// How names of files begin that a process killed in the middle of write_file_atomic() may leave, where a
/// name was needed at all. The next write to the same file takes them away, or whoever owns the folder.
inline constexpr std::string_view new_file_prefix = ".holisafe.";

/// Replaces a file's content so that a reader sees the old or the new bytes, never a part, also after a
/// crash: written without a name, fsynced, put in its place, folder fsynced. A new file has mode 0666 less
/// umask, an old one keeps its mode; a link is replaced, not followed: a folder that was received may hold
/// one. Errors: not_found (folder), permission, io, out_of_space; the old file then stays.
Result<void> write_file_atomic(const std::filesystem::path& path, std::string_view bytes);

/// The same with the bytes made piece by piece: `write` calls its argument with each piece and may stop with
/// an error.
using WritePiece = std::function<Result<void>(std::string_view)>;
Result<void> write_file_atomic(const std::filesystem::path& path,
                               const std::function<Result<void>(const WritePiece&)>& write);

/// The same for a file that the user names: a link stays and what it leads to is replaced; a device, a pipe,
/// or what another has open (/dev/stdout) is written to in place. Errors: as write_file_atomic().
Result<void> write_named_file(const std::filesystem::path& path, std::string_view bytes);
Result<void> write_named_file(const std::filesystem::path& path,
                              const std::function<Result<void>(const WritePiece&)>& write);

/// Waits until a file's bytes, or a folder's names, are on disk. Errors: not_found, permission, io,
/// out_of_space.
Result<void> sync_path(const std::filesystem::path& path);

/// Makes a folder and its parents. Errors: permission, io, not_a_file (a file is in the way).
Result<void> make_folders(const std::filesystem::path& path);

/// The regular file at `relative` under `root`. The text must stay beneath (no "..", no absolute path): it
/// may come from anybody. A link that lies there is followed wherever it leads, as downloads are laid out:
/// whoever made the folder made it. Errors: outside_root, not_found, not_a_file, permission.
Result<std::filesystem::path> resolve_beneath(const std::filesystem::path& root, std::string_view relative);

/// An Error for errno as the system set it, with the kind that fits.
Error system_error(std::string what, const std::filesystem::path& path, int error_number);

}  // namespace holisafe
