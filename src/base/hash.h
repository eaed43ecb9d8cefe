// SHA-256, for naming the files that figures were made from, and base64.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace holisafe {

using Digest = std::array<std::byte, 32>;

/// SHA-256 (FIPS 180-4) of `bytes`.
Digest sha256(std::string_view bytes);

/// SHA-256 of bytes that come piece by piece. One thread at a time.
class Sha256 {
 public:
  Sha256();
  void update(std::string_view bytes);
  /// Of all pieces so far; once.
  Digest finish();

 private:
  struct Free {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Free> context_;
};

/// SHA-256 of a regular file, read piece by piece. Errors: not_found, not_a_file, permission, io.
Result<Digest> sha256_file(const std::filesystem::path& path);

/// Lower-case hexadecimal.
std::string hex(std::span<const std::byte> bytes);

/// Base64 (RFC 4648, section 4) with padding.
std::string base64(std::span<const std::byte> bytes);
/// The bytes that base64() made this of; nothing where it is no such text.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace holisafe
