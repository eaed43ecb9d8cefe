// Git LFS leaves a text of some lines where a large file was not fetched.
#pragma once

#include <string_view>

namespace holisafe {

/// Whether these are the first bytes of such a text.
inline bool is_lfs_pointer(std::string_view bytes) {
  return bytes.starts_with("version https://git-lfs.github.com/spec/");
}

/// What an error says that was expected and found there.
inline constexpr const char* lfs_pointer_words =
    "expected the file itself, found a Git LFS pointer to it: fetch it first (git lfs pull)";

}  // namespace holisafe
