// Names of the folders and files that pictures are sorted into.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace holisafe::moderation {

/// A class's name as that of one folder, whatever it holds: slashes, control characters, bytes that are no
/// UTF-8, a dot at its beginning and `moves.jsonl` become underscores or get one; cut at 200 bytes.
std::string folder_name(std::string_view name);

/// "photo-2.jpg" for "photo.jpg" and 2; the name itself for 1. Cut before the ending so that it has at most
/// 255 bytes.
std::string numbered_name(const std::string& name, std::size_t number);

}  // namespace holisafe::moderation
