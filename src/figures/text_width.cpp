#include "figures/text_width.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace holisafe::figures {
namespace {

/// Advance widths of U+0020 to U+007E in 1/2048 em, from DejaVuSans.ttf 2.37 (its table `hmtx`).
constexpr std::array<int, 95> ascii_widths = {
    651,  821,  942,  1716, 1303, 1946, 1597, 563,  799,  799,  1024, 1716, 651,  739,  651,  690,
    1303, 1303, 1303, 1303, 1303, 1303, 1303, 1303, 1303, 1303, 690,  690,  1716, 1716, 1716, 1087,
    2048, 1401, 1405, 1430, 1577, 1294, 1178, 1587, 1540, 604,  604,  1343, 1141, 1767, 1532, 1612,
    1235, 1612, 1423, 1300, 1251, 1499, 1401, 2025, 1403, 1251, 1403, 799,  690,  799,  1716, 1024,
    1024, 1255, 1300, 1126, 1300, 1260, 721,  1300, 1298, 569,  569,  1186, 569,  1995, 1298, 1253,
    1300, 1300, 842,  1067, 803,  1298, 1212, 1675, 1212, 1212, 1075, 1303, 690,  1303, 1716};
constexpr double units = 2048;
constexpr double narrow = 1450;  ///< of letters with marks, Greek, Cyrillic
constexpr double wide = 2048;    ///< of anything else: one em

constexpr std::string_view ellipsis = "\xe2\x80\xa6";

double character_width(std::string_view character) {
  const auto first = static_cast<unsigned char>(character.front());
  if (first >= 0x20 && first < 0x7f) return ascii_widths[first - 0x20];
  return first < 0xe0 ? narrow : wide;
}

/// Bytes of the character at the start; of what is no UTF-8 one.
std::size_t length(std::string_view text) { return std::max<std::size_t>(1, utf8_length(text)); }

}  // namespace

double text_width(std::string_view text, double size) {
  double out = 0;
  while (!text.empty()) {
    const std::size_t bytes = length(text);
    out += character_width(text.substr(0, bytes));
    text.remove_prefix(bytes);
  }
  return out * size / units;
}

std::string fitted(std::string_view text, double size, double most) {
  if (text_width(text, size) <= most) return std::string(text);
  double left = most - text_width(ellipsis, size);
  std::size_t end = 0;
  while (end < text.size()) {
    const std::size_t bytes = length(text.substr(end));
    left -= character_width(text.substr(end, bytes)) * size / units;
    if (left < 0) break;
    end += bytes;
  }
  return std::string(text.substr(0, end)) + std::string(ellipsis);
}

std::vector<std::string> wrapped(std::string_view text, double size, double most) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string word(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!out.empty() && text_width(out.back() + " " + word, size) <= most) {
      out.back() += " " + word;
    } else {
      out.push_back(word);
    }
  }
  return out;
}

}  // namespace holisafe::figures
