// Text that remembers where it came from. Internal to this layer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holisafe::tokenizer {

/// A string and, for each of its bytes, the range [begin, end) of the original text it stands for.
struct AlignedText {
  struct Range {
    std::uint32_t begin;
    std::uint32_t end;
  };
  std::string text;
  std::vector<Range> origin;

  void append(std::string_view bytes, Range range) {
    text += bytes;
    origin.insert(origin.end(), bytes.size(), range);
  }
  void append(const AlignedText& other, std::size_t begin, std::size_t size) {
    text.append(other.text, begin, size);
    origin.insert(origin.end(), other.origin.begin() + static_cast<std::ptrdiff_t>(begin),
                  other.origin.begin() + static_cast<std::ptrdiff_t>(begin + size));
  }
  [[nodiscard]] AlignedText slice(std::size_t begin, std::size_t size) const {
    AlignedText out;
    out.append(*this, begin, size);
    return out;
  }
};

/// Bytes of the UTF-8 character that begins with this byte. The text must be valid.
constexpr std::size_t character_size(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

}  // namespace holisafe::tokenizer
