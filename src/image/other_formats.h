// What a file that is not decoded is, by its first bytes: so that errors name it and no picture is passed
// over.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace holisafe::image {

struct OtherFormat {
  std::string_view name;  ///< "HEIC", "a PDF document", …
  bool picture = false;
};

/// As many bytes from a file's start as other_format() looks at.
inline constexpr std::size_t telling_bytes = 1024;

/// Nothing for a format that is not known either.
std::optional<OtherFormat> other_format(std::span<const std::byte> start);

/// Whether a file's name ends as a picture's: also of formats that are not decoded.
bool has_picture_ending(std::string_view name);

}  // namespace holisafe::image
