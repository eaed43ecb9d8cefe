// Members of a tar or zip file that nobody unpacked, by name. What is read is bounded by what was asked for:
// the list of members once, then a member's bytes where they lie.
//
//   HOLISAFE_TRY(Archive archive, Archive::open(std::move(file)));
//   HOLISAFE_TRY(const std::string bytes, archive.read("imgs/1.png"));
//
// POSIX.1-2017, pax: ustar and extended headers, with GNU tar's long names and sizes; PKWARE APPNOTE 6.3:
// stored and deflated members, Zip64.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/input_file.h"
#include "base/result.h"

namespace holisafe::sources {

/// A member as the archive lists it.
struct Member {
  enum class Kind {
    file,
    other,      ///< a link, a device, a sparse file, a folder
    duplicate,  ///< its name stands twice
    encrypted,
    compressed,  ///< in another way than deflated
  };
  Kind kind = Kind::file;
  std::uint64_t offset = 0;  ///< of its bytes in a tar, of its local header in a zip
  std::uint64_t stored = 0;  ///< bytes in the archive
  std::uint64_t size = 0;    ///< bytes of the file
  std::uint32_t crc = 0;     ///< of a zip
  bool deflated = false;
};

/// Movable; one thread at a time.
class Archive {
 public:
  /// So many members, and so large each that is read.
  static constexpr std::size_t most_members = std::size_t{1} << 22U;
  static constexpr std::uint64_t most_bytes = std::uint64_t{64} << 20U;

  /// Reads the list of members. Members whose names could leave a folder are left out: nothing asks for them.
  /// Errors: io; malformed (a Git LFS pointer; neither tar nor zip; a header); truncated; too_large
  /// (members); unsupported (a tar in gzip, a zip in several parts).
  static Result<Archive> open(InputFile file);

  /// Whether a member can be read. Errors: not_found; unexpected (a link or another kind of member);
  /// duplicate (a name that stands twice); unsupported (encrypted, or compressed in another way); too_large.
  [[nodiscard]] Result<void> check(std::string_view name) const;
  /// A member's bytes. Errors: those of check(); io; truncated, malformed, mismatch (its checksum).
  [[nodiscard]] Result<std::string> read(std::string_view name) const;

  [[nodiscard]] const InputFile& file() const { return file_; }
  /// Calls `visit` with each member and its name, in no order.
  void for_each(const std::function<void(std::string_view name, const Member& member)>& visit) const;

 private:
  Archive(InputFile file, bool zip) : file_(std::move(file)), zip_(zip) {}
  Result<const Member*> find(std::string_view name) const;
  [[nodiscard]] std::string where(std::string_view name) const;

  InputFile file_;
  bool zip_;
  std::unordered_map<std::string, Member> members_;
};

}  // namespace holisafe::sources
