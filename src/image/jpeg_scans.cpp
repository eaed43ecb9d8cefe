#include "image/jpeg_scans.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include <fmt/format.h>

namespace holisafe::image {
namespace {

/// Each of 64 coefficients in at most 14 passes, the highest bits first (ITU-T T.81, G.1.1.1).
constexpr std::uint64_t most_scans = std::uint64_t{64} * 14;
/// libjpeg-turbo passes a block in about 50 ns even where the scan says nothing of it.
constexpr std::uint64_t most_visits = 40'000'000;
/// Encoders pass a block some ten times: the largest pictures may take longer than the bound above.
constexpr std::uint64_t usual_visits = 16;

constexpr std::uint64_t coefficient_bytes_of_block = std::uint64_t{64} * 2;
/// RGB, and coefficients of a picture whose colours have half its width and height.
constexpr std::uint64_t bytes_of_pixel = 3 + 3;
/// What small pictures may take however few pixels are allowed.
constexpr std::uint64_t least_memory = std::uint64_t{16} << 20;

constexpr std::uint64_t over(std::uint64_t value, std::uint64_t divisor) {
  return (value + divisor - 1) / divisor;
}

/// Markers with their parameters, in the order of the file; entropy-coded data between them is passed over.
class Markers {
 public:
  explicit Markers(std::span<const std::byte> bytes) : bytes_(bytes) {}

  struct Marker {
    std::uint8_t code;
    std::span<const std::byte> parameters;
  };

  /// Nothing after the end of the picture or of the bytes.
  std::optional<Marker> next() {
    while (const auto code = next_code()) {
      if (*code == 0x01 || (*code >= 0xD0 && *code <= 0xD8)) continue;  // TEM, RST, SOI: no parameters
      if (*code == 0xD9 || at_ + 2 > bytes_.size()) return std::nullopt;
      const std::size_t length = 256 * byte(at_) + byte(at_ + 1);
      if (length < 2 || length > bytes_.size() - at_) return std::nullopt;
      const auto parameters = bytes_.subspan(at_ + 2, length - 2);
      at_ += length;
      return Marker{*code, parameters};
    }
    return std::nullopt;
  }

 private:
  [[nodiscard]] std::size_t byte(std::size_t at) const { return std::to_integer<std::size_t>(bytes_[at]); }

  /// The next byte after 0xFF that is neither 0 (a stuffed 0xFF) nor another 0xFF.
  std::optional<std::uint8_t> next_code() {
    while (true) {
      const auto rest = bytes_.subspan(at_);
      const auto found = std::find(rest.begin(), rest.end(), std::byte{0xFF});
      const auto code = std::find_if(found, rest.end(), [](std::byte b) { return b != std::byte{0xFF}; });
      if (code == rest.end()) return std::nullopt;
      at_ += static_cast<std::size_t>(code - rest.begin()) + 1;
      if (*code != std::byte{0}) return std::to_integer<std::uint8_t>(*code);
    }
  }

  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
};

struct Component {
  std::byte id{};
  std::uint64_t blocks = 0;
  std::uint64_t scans = 0;
};

bool is_frame(std::uint8_t code) {
  return code >= 0xC0 && code <= 0xCF && code != 0xC4 && code != 0xC8 && code != 0xCC;
}

/// Precision, height, width, number of components; of each its id, sampling factors and table.
std::vector<Component> components_of(std::span<const std::byte> frame) {
  const auto byte = [&](std::size_t at) { return std::to_integer<std::uint64_t>(frame[at]); };
  if (frame.size() < 6 || frame.size() < 6 + 3 * byte(5)) return {};
  const auto count = static_cast<std::size_t>(byte(5));
  std::uint64_t across = 1;
  std::uint64_t down = 1;
  for (std::size_t i = 0; i < count; ++i) {
    across = std::max(across, byte(7 + 3 * i) >> 4U);
    down = std::max(down, byte(7 + 3 * i) & 15U);
  }
  const std::uint64_t units =
      over(256 * byte(3) + byte(4), 8 * across) * over(256 * byte(1) + byte(2), 8 * down);
  std::vector<Component> out;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t sampling = byte(7 + 3 * i);
    out.push_back({frame[6 + 3 * i], units * (sampling >> 4U) * (sampling & 15U)});
  }
  return out;
}

/// A scan names its components: their number, then of each its id and tables.
void count_scan(std::span<const std::byte> scan, std::vector<Component>& components, ScanCost& cost) {
  if (scan.empty() || scan.size() < 1 + 2 * std::to_integer<std::size_t>(scan[0])) return;
  for (std::size_t i = 0; i < std::to_integer<std::size_t>(scan[0]); ++i) {
    for (Component& component : components) {
      if (component.id != scan[1 + 2 * i]) continue;
      cost.most_scans = std::max(cost.most_scans, ++component.scans);
      cost.block_visits += component.blocks;
      break;
    }
  }
}

}  // namespace

ScanCost scan_cost(std::span<const std::byte> bytes) {
  ScanCost cost;
  Markers markers(bytes);
  std::vector<Component> components;
  while (const auto marker = markers.next()) {
    if (marker->code == 0xDA) count_scan(marker->parameters, components, cost);
    if (is_frame(marker->code) && components.empty()) components = components_of(marker->parameters);
  }
  for (const Component& component : components) cost.blocks += component.blocks;
  return cost;
}

Result<void> check_scans(const Source& source, const Limits& limits, std::uint64_t pixels, bool buffered) {
  const ScanCost cost = scan_cost(source.bytes);
  const auto reject_more = [&](std::string_view what, std::uint64_t most, std::uint64_t found) {
    return reject(source, ErrorKind::too_large,
                  fmt::format("expected {} at most {}, found {}", what, most, found));
  };
  if (cost.most_scans > most_scans) return reject_more("scans of a component:", most_scans, cost.most_scans);
  const std::uint64_t visits = std::max(most_visits, usual_visits * cost.blocks);
  if (cost.block_visits > visits) return reject_more("blocks in all scans:", visits, cost.block_visits);
  const std::uint64_t memory = 3 * pixels + (buffered ? coefficient_bytes_of_block * cost.blocks : 0);
  const std::uint64_t most = std::max(least_memory, bytes_of_pixel * limits.pixels);
  if (memory > most) return reject_more("bytes for pixels and the coefficients of its scans:", most, memory);
  return {};
}

}  // namespace holisafe::image
