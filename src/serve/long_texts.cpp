#include "serve/long_texts.h"

#include <cstdint>
#include <cstring>

namespace holisafe::serve {
namespace {

constexpr std::size_t shortest = 1024;

/// Whether all bytes are printable ASCII, none of them a backslash; eight at a time.
bool is_plain(std::string_view text) {
  constexpr std::uint64_t high = 0x8080808080808080U;
  constexpr std::uint64_t spaces = 0x2020202020202020U;
  while (text.size() >= sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data(), sizeof(word));
    if (((word | ((word - spaces) & ~word)) & high) != 0) return false;
    text.remove_prefix(sizeof(word));
  }
  for (const char c : text) {
    if (c < ' ' || static_cast<unsigned char>(c) >= 0x80) return false;
  }
  return true;
}

struct Ending {
  std::size_t place = 0;  ///< of the closing quote; the text's size where there is none
  bool escapes = false;
};

/// The end of a string whose first byte stands at `from`.
Ending ending_of(std::string_view body, std::size_t from) {
  Ending out;
  std::size_t place = from;
  while (true) {
    const std::size_t quote = body.find('"', place);
    if (quote == std::string_view::npos) return {body.size(), out.escapes};
    const std::size_t backslash = body.substr(place, quote - place).find('\\');
    if (backslash == std::string_view::npos) return {quote, out.escapes};
    out.escapes = true;
    place += backslash + 2;
    if (place >= body.size()) return {body.size(), true};
  }
}

}  // namespace

std::size_t Shortened::place_of(std::size_t short_place) const {
  std::size_t out = short_place;
  for (const LongText& each : texts) {
    if (each.end <= short_place) out += each.text.size();
  }
  return out;
}

Shortened shortened(std::string_view body) {
  Shortened out;
  std::size_t kept = 0;  // what stands before it has been copied
  std::size_t ordinal = 0;
  for (std::size_t quote = body.find('"'); quote != std::string_view::npos; ++ordinal) {
    const Ending ending = ending_of(body, quote + 1);
    if (ending.place == body.size()) break;
    const std::string_view text = body.substr(quote + 1, ending.place - quote - 1);
    if (!ending.escapes && text.size() >= shortest && is_plain(text)) {
      out.short_body += body.substr(kept, quote + 1 - kept);
      kept = ending.place;
      out.texts.push_back({ordinal, out.short_body.size() + 1, text});
    }
    quote = body.find('"', ending.place + 1);
  }
  out.short_body += body.substr(kept);
  return out;
}

}  // namespace holisafe::serve
