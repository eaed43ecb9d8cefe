// For tests: a file as a disk, a download that broke off, or somebody with intent may leave it.
#pragma once

#include <algorithm>
#include <array>
#include <cctype>
#include <random>
#include <string>
#include <string_view>

namespace holisafe::checkpoint {

/// Puts another value where a number, or a quoted text, stands after `at`.
inline void put_other_value(std::string& bytes, std::size_t at, std::mt19937& random) {
  static constexpr std::array<std::string_view, 16> values{
      "0",      "-1",       "1",    "3",    "2147483648", "99999999999999999999", "1e308",
      "1e-320", "0.5",      "null", "true", "\"\"",       "\"x\\u0000\\ud800\"",  "[]",
      "{}",     "[[[[0]]]]"};
  const auto begins = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '"'; };
  const auto first = std::find_if(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end(), begins);
  if (first == bytes.end()) return;
  auto last = first + 1;
  if (*first == '"') {
    last = std::find(last, bytes.end(), '"');
    if (last != bytes.end()) ++last;
  } else {
    while (last != bytes.end() && std::isdigit(static_cast<unsigned char>(*last)) != 0) ++last;
  }
  const std::string_view value = values[random() % values.size()];
  bytes.replace(first, last, value.begin(), value.end());
}

/// The same bytes with one to three things changed: a bit, a byte, a value, a stretch that is gone, doubled
/// or zero, or the end cut off.
inline std::string damaged_copy(std::string bytes, std::mt19937& random) {
  constexpr std::string_view marks = "{}[]\",:\\0-e\x80\xff";
  constexpr std::size_t longest = 64;
  const auto changes = 1 + random() % 3;
  for (unsigned i = 0; i < changes && !bytes.empty(); ++i) {
    const std::size_t at = random() % bytes.size();
    const std::size_t size = 1 + random() % std::min(longest, bytes.size() - at);
    switch (random() % 9) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
        break;
      case 1:
        bytes[at] = marks[random() % marks.size()];
        break;
      case 2:
        bytes.erase(at, size);
        break;
      case 3:
        bytes.insert(at, bytes.substr(random() % bytes.size(), size));
        break;
      case 4:
        bytes.replace(at, size, size, '\0');
        break;
      case 5:
        bytes.resize(at);
        break;
      default:
        put_other_value(bytes, at, random);
        break;
    }
  }
  return bytes;
}

}  // namespace holisafe::checkpoint
