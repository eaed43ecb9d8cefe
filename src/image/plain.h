// Files that every reader sees alike: what a guard judged of them is what another program makes of their
// bytes.
#pragma once

#include <cstddef>
#include <span>

namespace holisafe::image {

/// Whether a file's bytes can stand for its pixels: opaque, upright, one frame, 8 bits a channel, and nothing
/// in it that readers are known to disagree about (two EXIF blocks, CMYK, a palette that lacks entries).
/// Looks at the file's structure and decodes nothing; false for what it does not know. Of a file that
/// decode() refuses it says nothing useful. Thread-safe.
bool is_plain(std::span<const std::byte> bytes);

}  // namespace holisafe::image
