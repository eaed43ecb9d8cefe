#include <cstdint>
#include <optional>

#include "image/codec.h"

namespace holisafe::image {
namespace {

constexpr std::uint16_t orientation_tag = 0x0112;

/// Reads numbers of a TIFF structure in its own byte order; nothing where it ends.
class Tiff {
 public:
  explicit Tiff(std::string_view bytes) : bytes_(bytes), little_(bytes.starts_with("II")) {}

  [[nodiscard]] bool valid() const {
    return bytes_.size() >= 8 && (little_ || bytes_.starts_with("MM")) && number(2, 2) == 42;
  }
  [[nodiscard]] std::optional<std::uint32_t> number(std::size_t at, std::size_t width) const {
    if (at > bytes_.size() || bytes_.size() - at < width) return std::nullopt;
    std::uint32_t out = 0;
    for (std::size_t i = 0; i < width; ++i) {
      const std::size_t index = little_ ? at + width - 1 - i : at + i;
      out = out << 8 | static_cast<std::uint8_t>(bytes_[index]);
    }
    return out;
  }

 private:
  std::string_view bytes_;
  bool little_;
};

std::optional<int> exif_orientation(std::string_view exif) {
  const Tiff tiff(exif);
  if (!tiff.valid()) return std::nullopt;
  const std::size_t directory = *tiff.number(4, 4);
  const auto entries = tiff.number(directory, 2);
  if (!entries) return std::nullopt;
  for (std::size_t i = 0; i < *entries; ++i) {
    const std::size_t entry = directory + 2 + 12 * i;
    const auto tag = tiff.number(entry, 2);
    const auto type = tiff.number(entry + 2, 2);
    if (!tag || !type) return std::nullopt;
    if (*tag != orientation_tag) continue;
    constexpr std::uint32_t type_byte = 1;
    constexpr std::uint32_t type_short = 3;
    constexpr std::uint32_t type_long = 4;
    const std::size_t width = *type == type_byte ? 1 : *type == type_short ? 2 : *type == type_long ? 4 : 0;
    if (width == 0 || tiff.number(entry + 4, 4) != 1) return std::nullopt;
    const auto value = tiff.number(entry + 8, width);
    return value && *value <= 8 ? std::optional<int>(static_cast<int>(*value)) : std::nullopt;
  }
  return std::nullopt;
}

/// tiff:Orientation="N" or <tiff:Orientation>N<.
std::optional<int> xmp_orientation(std::string_view xmp) {
  constexpr std::string_view name = "tiff:Orientation";
  for (std::size_t at = xmp.find(name); at != std::string_view::npos; at = xmp.find(name, at + 1)) {
    std::string_view rest = xmp.substr(at + name.size());
    if (rest.starts_with("=\""))
      rest.remove_prefix(2);
    else if (rest.starts_with(">"))
      rest.remove_prefix(1);
    else
      continue;
    if (!rest.empty() && rest[0] >= '0' && rest[0] <= '9') return rest[0] - '0';
  }
  return std::nullopt;
}

}  // namespace

int orientation(std::string_view exif, std::string_view xmp) {
  const auto in_exif = exif_orientation(exif);
  const int value = in_exif ? *in_exif : xmp_orientation(xmp).value_or(1);
  return value >= 1 && value <= 8 ? value : 1;
}

}  // namespace holisafe::image
