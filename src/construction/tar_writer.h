// Tar files, member by member: POSIX.1-2017 ustar, with pax headers for names that it has no room for.
//
//   TarWriter tar(write);
//   HOLISAFE_CHECK(tar.add("00000012.json", text));
//   HOLISAFE_CHECK(tar.finish());
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"

namespace holisafe::construction {

/// The same members give the same bytes: no owner, no date, mode 0644. One thread at a time.
class TarWriter {
 public:
  explicit TarWriter(WritePiece write) : write_(std::move(write)) {}

  /// Errors: malformed (a name that is empty, absolute, has "..", or NUL), too_large (8 GiB and more), those
  /// of writing.
  Result<void> add(std::string_view name, std::string_view bytes);
  /// The end of the archive; last. Errors: those of writing.
  Result<void> finish();

  /// Bytes so far, without the archive's end.
  [[nodiscard]] std::uint64_t size() const { return size_; }

 private:
  Result<void> put(std::string_view bytes);
  Result<void> put_member(std::string_view header, std::string_view bytes);

  WritePiece write_;
  std::uint64_t size_ = 0;
};

}  // namespace holisafe::construction
