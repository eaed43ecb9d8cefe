#include "image/low_frequency_index.h"

#include <algorithm>
#include <array>
#include <bit>
#include <bitset>
#include <cstdint>

#include "base/random.h"
#include "image/for_each.h"

namespace holisafe::image {
namespace {

constexpr std::size_t code_side = 16;  ///< of the square of bits
constexpr std::size_t code_bands = 2 * code_side;
constexpr std::size_t turned_count = 128;  ///< coefficients of a turned coordinate system
constexpr std::size_t turned_systems = code_side * code_side / turned_count;
constexpr std::size_t shelf_size = 16384;  ///< pictures whose bands are laid out at a time
constexpr unsigned drawer_bits = 12;       ///< of a band, its upper ones
constexpr std::size_t pictures_a_task = 64;

/// Bits in which a candidate may differ: 53 do where pictures are 0.8 near, 128 where they are strangers.
constexpr int most_apart = 72;

struct FrequencyCode {
  std::array<std::uint16_t, code_bands> bands{};  ///< rows, then columns, which say the same again
};

int apart(const FrequencyCode& a, const FrequencyCode& b) {
  const auto words = [](const FrequencyCode& code) {
    return std::bit_cast<std::array<std::uint64_t, code_bands / 4>>(code.bands);
  };
  const auto left = words(a);
  const auto right = words(b);
  int out = 0;
  for (std::size_t i = 0; i < left.size() / 2; ++i) out += std::popcount(left[i] ^ right[i]);
  return out;
}

using TurnedFrequencies = std::array<std::int16_t, turned_count>;
/// +1 and -1, for each of two passes of each coordinate system.
using TurnSigns = std::array<std::array<TurnedFrequencies, 2>, turned_systems>;

const TurnSigns& turn_signs() {
  static const TurnSigns out = [] {
    TurnSigns signs;
    Random random(96);
    for (auto& system : signs) {
      for (TurnedFrequencies& pass : system) {
        for (std::int16_t& sign : pass) sign = (random.next() >> 63U) != 0 ? 1 : -1;
      }
    }
    return signs;
  }();
  return out;
}

/// Signs, then Hadamard's matrix: twice that, and few coefficients are spread over all. Of a length of 127 no
/// sum leaves 16 bits.
void turn(TurnedFrequencies& values, const TurnedFrequencies& signs) {
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::int16_t>(values[i] * signs[i]);
  for (std::size_t half = 1; half < values.size(); half *= 2) {
    for (std::size_t from = 0; from < values.size(); from += 2 * half) {
      for (std::size_t i = from; i < from + half; ++i) {
        const std::int16_t a = values[i];
        const std::int16_t b = values[i + half];
        values[i] = static_cast<std::int16_t>(a + b);
        values[i + half] = static_cast<std::int16_t>(a - b);
      }
    }
  }
}

FrequencyCode frequency_code(const LowFrequencies& picture) {
  FrequencyCode out;
  for (std::size_t system = 0; system < turned_systems; ++system) {
    TurnedFrequencies values{};
    std::copy(picture.values.begin(), picture.values.end(), values.begin());
    for (const TurnedFrequencies& signs : turn_signs()[system]) turn(values, signs);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::size_t row = (system * turned_count + i) / code_side;
      const std::size_t column = i % code_side;
      const unsigned bit = values[i] > 0 ? 1 : 0;
      out.bands[row] = static_cast<std::uint16_t>(out.bands[row] | bit << column);
      out.bands[code_side + column] = static_cast<std::uint16_t>(out.bands[code_side + column] | bit << row);
    }
  }
  return out;
}

/// A picture cut and mirrored in all usual ways.
using SeenCodes = std::array<FrequencyCode, 2 * usual_cuts.size()>;

SeenCodes seen_codes(const SeenFrequencies& seen) {
  SeenCodes out;
  std::size_t at = 0;
  for (LowFrequencies cut : seen) {
    out[at++] = frequency_code(cut);
    for (std::size_t i = LowFrequencies::symmetric; i < LowFrequencies::count; ++i)
      cut.values[i] = static_cast<std::int8_t>(-cut.values[i]);
    out[at++] = frequency_code(cut);
  }
  return out;
}

/// Some pictures of a table, laid out by the value of each band.
class Shelf {
 public:
  Shelf(const LowFrequencyTable& table, std::size_t first, int threads)
      : first_(static_cast<std::uint32_t>(first)),
        codes_(std::min(shelf_size, table.size() - first)),
        flat_(codes_.size()),
        bands_(code_bands) {
    for_each_on_threads(
        (codes_.size() + pictures_a_task - 1) / pictures_a_task, threads, [&](std::size_t task) {
          const std::size_t begin = task * pictures_a_task;
          for (std::size_t i = begin; i < std::min(begin + pictures_a_task, codes_.size()); ++i) {
            const LowFrequencies picture = table.at(first + i);
            flat_[i] = picture.flat() ? 1 : 0;
            codes_[i] = frequency_code(picture);
          }
        });
    for_each_on_threads(bands_.size(), threads, [&](std::size_t band) { lay_out(band); });
  }

  /// Numbers of those that share a band with one of the codes, ascending.
  void candidates(const SeenCodes& seen, std::vector<std::uint32_t>& out) const {
    out.clear();
    std::bitset<shelf_size> taken;
    for (const FrequencyCode& code : seen) {
      for (std::size_t band = 0; band < bands_.size(); ++band) {
        const ShelfBand& laid = bands_[band];
        const std::uint16_t value = code.bands[band];
        const std::size_t drawer = drawer_of(value);
        for (std::size_t i = laid.begin[drawer]; i < laid.begin[drawer + 1]; ++i) {
          const auto [other, place] = laid.pictures[i];
          if (other != value || taken[place] || apart(code, codes_[place]) > most_apart) continue;
          taken.set(place);
          out.push_back(first_ + place);
        }
      }
    }
    std::sort(out.begin(), out.end());
  }

 private:
  /// Pictures by the drawer that their band's value belongs in: those of drawer d stand from begin[d] to
  /// begin[d + 1].
  struct ShelfBand {
    struct Picture {
      std::uint16_t value = 0;
      std::uint16_t place = 0;
    };
    std::array<std::uint16_t, (std::size_t{1} << drawer_bits) + 1> begin{};
    std::vector<Picture> pictures;
  };
  static_assert(shelf_size <= UINT16_MAX);  // so many stand before the last drawer's end

  static std::size_t drawer_of(std::uint16_t value) { return value >> (code_side - drawer_bits); }

  void lay_out(std::size_t band) {
    ShelfBand& laid = bands_[band];
    const auto drawer = [&](std::size_t i) { return drawer_of(codes_[i].bands[band]); };
    for (std::size_t i = 0; i < codes_.size(); ++i)
      if (flat_[i] == 0) ++laid.begin[drawer(i) + 1];
    for (std::size_t i = 1; i < laid.begin.size(); ++i)
      laid.begin[i] = static_cast<std::uint16_t>(laid.begin[i] + laid.begin[i - 1]);
    laid.pictures.resize(laid.begin.back());
    auto next = laid.begin;
    for (std::size_t i = 0; i < codes_.size(); ++i) {
      if (flat_[i] == 0)
        laid.pictures[next[drawer(i)]++] = {codes_[i].bands[band], static_cast<std::uint16_t>(i)};
    }
  }

  std::uint32_t first_;
  std::vector<FrequencyCode> codes_;
  std::vector<std::uint8_t> flat_;
  std::vector<ShelfBand> bands_;
};

bool is_nearer(const LowFrequencyTable::Near& a, const LowFrequencyTable::Near& b) {
  return a.nearness > b.nearness || (a.nearness == b.nearness && a.number < b.number);
}

}  // namespace

std::vector<std::vector<LowFrequencyTable::Near>> LowFrequencyIndex::nearest(
    std::uint32_t begin, std::span<const SeenFrequencies> wanted, Bounds bounds, int threads) const {
  const std::size_t count = wanted.size();
  const std::size_t tasks = (count + pictures_a_task - 1) / pictures_a_task;
  std::vector<SeenCodes> codes(count);
  for_each_on_threads(count, threads, [&](std::size_t i) { codes[i] = seen_codes(wanted[i]); });
  std::vector<std::vector<LowFrequencyTable::Near>> out(count);
  for (std::size_t first = 0; first < table_.size(); first += shelf_size) {
    const Shelf shelf(table_, first, threads);
    for_each_on_threads(tasks, threads, [&](std::size_t task) {
      std::vector<std::uint32_t> candidates;
      const std::size_t end = std::min((task + 1) * pictures_a_task, count);
      for (std::size_t i = task * pictures_a_task; i < end; ++i) {
        const LowFrequencyTable::Wanted one{begin + static_cast<std::uint32_t>(i), wanted[i]};
        shelf.candidates(codes[i], candidates);
        const auto found = table_.nearest_among(one, candidates, bounds.most, bounds.least);
        out[i].insert(out[i].end(), found.begin(), found.end());
        std::sort(out[i].begin(), out[i].end(), is_nearer);
        if (out[i].size() > bounds.most) out[i].resize(bounds.most);
      }
    });
  }
  return out;
}

}  // namespace holisafe::image
