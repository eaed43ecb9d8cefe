// Long strings of a body, such as pictures, taken out before it is parsed: the parser looks at every byte.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace holisafe::serve {

/// A string that was taken out.
struct LongText {
  std::size_t ordinal = 0;  ///< among all strings of the body, names of members too
  std::size_t end = 0;      ///< where `short_body` goes on behind it
  std::string_view text;    ///< between the quotes; of the body
};

/// JSON, or what is meant to be, with "" in the place of each long string of printable ASCII without escapes.
/// Where the body is no JSON, neither is the short one, and up to that byte both have the same strings.
struct Shortened {
  std::string short_body;
  std::vector<LongText> texts;  ///< in order

  /// Where a byte of the short body stands in the body.
  [[nodiscard]] std::size_t place_of(std::size_t short_place) const;
};
Shortened shortened(std::string_view body);

}  // namespace holisafe::serve
