#include "dataset/json_fault.h"

#include <array>
#include <bitset>
#include <utility>

#include <fmt/format.h>

namespace holisafe::dataset {
namespace {

constexpr std::string_view white_space = " \t\n\r";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

/// Length of the well-formed UTF-8 character at the start of `text` (Unicode 15, table 3-7), or 0.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return static_cast<unsigned char>(i < text.size() ? text[i] : '\0');
  };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xc0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool bad = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f);
    return !bad && follows(1) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool bad = (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f);
    return !bad && follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

/// A recogniser with an explicit stack of one bit a level (object or array).
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::optional<JsonFault> run() {
    skip_space();
    if (!value()) return fault_;
    while (depth_ > 0) {
      if (!next()) return fault_;
    }
    skip_space();
    if (!at_end()) expected("the end of the file");
    return fault_;
  }

 private:
  [[nodiscard]] bool at_end() const { return position_ >= text_.size(); }
  [[nodiscard]] char peek() const { return at_end() ? '\0' : text_[position_]; }
  void skip_space() { position_ = std::min(text_.find_first_not_of(white_space, position_), text_.size()); }

  bool take(char c) {
    if (at_end() || text_[position_] != c) return false;
    ++position_;
    return true;
  }

  [[nodiscard]] std::string found() const {
    if (at_end()) return "the end of the file";
    const auto byte = static_cast<unsigned char>(text_[position_]);
    if (text_.substr(position_).starts_with("\xef\xbb\xbf")) return "a byte order mark";
    return byte > 0x20 && byte < 0x7f ? fmt::format("'{}'", text_[position_])
                                      : fmt::format("byte 0x{:02x}", byte);
  }

  bool fail_with(ErrorKind kind, std::string detail) {
    fault_ = JsonFault{kind, position_, std::move(detail)};
    return false;
  }
  bool expected(std::string_view what) {
    return fail_with(at_end() ? ErrorKind::truncated : ErrorKind::malformed,
                     fmt::format("expected {}, found {}", what, found()));
  }

  /// One value, or the opening of a container.
  bool value() {
    switch (peek()) {
      case '{':
      case '[':
        return open();
      case '"':
        return string();
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      default:
        return number();
    }
  }

  bool open() {
    if (depth_ == max_json_depth) {
      return fail_with(ErrorKind::too_large,
                       fmt::format("expected at most {} levels of nesting", max_json_depth));
    }
    const bool object = text_[position_++] == '{';
    objects_[depth_++] = object;
    skip_space();
    if (take(object ? '}' : ']')) {
      --depth_;
      return true;
    }
    return object ? member() : value();
  }

  bool member() {
    if (peek() != '"') return expected("a field name in double quotes");
    if (!string()) return false;
    skip_space();
    if (!take(':')) return expected("':'");
    skip_space();
    return value();
  }

  /// After a value: the next one, or the end of the container.
  bool next() {
    skip_space();
    const bool object = objects_[depth_ - 1];
    if (take(object ? '}' : ']')) {
      --depth_;
      return true;
    }
    if (!take(',')) return expected(object ? "',' or '}'" : "',' or ']'");
    skip_space();
    return object ? member() : value();
  }

  bool word(std::string_view letters) {
    if (!text_.substr(position_).starts_with(letters)) return expected("a value");
    position_ += letters.size();
    return true;
  }

  bool digits() {
    if (!is_digit(peek())) return expected("a digit");
    while (is_digit(peek())) ++position_;
    return true;
  }

  bool number() {
    if (peek() != '-' && !is_digit(peek())) return expected("a value");
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (peek() == 'e' || peek() == 'E') {
      ++position_;
      if (!take('+')) take('-');
      return digits();
    }
    return true;
  }

  bool string() {
    const std::size_t start = position_++;
    while (true) {
      if (at_end()) {
        return fail_with(ErrorKind::truncated,
                         fmt::format("expected the end of the string begun at byte {}", start));
      }
      const auto byte = static_cast<unsigned char>(text_[position_]);
      if (byte == '"') break;
      if (byte < 0x20) return expected("an escape for a control character");
      if (byte == '\\') {
        if (!escape()) return false;
        continue;
      }
      const std::size_t length = utf8_length(text_.substr(position_));
      if (length == 0)
        return fail_with(ErrorKind::invalid_utf8, fmt::format("expected UTF-8, found {}", found()));
      position_ += length;
    }
    ++position_;
    return true;
  }

  bool escape() {
    ++position_;
    if (peek() == 'u') return unicode_escape();
    if (at_end() || std::string_view("\"\\/bfnrt").find(peek()) == std::string_view::npos)
      return expected("an escape");
    ++position_;
    return true;
  }

  /// \uXXXX, or two of them for a surrogate pair; half a pair is no character.
  bool unicode_escape() {
    const std::size_t start = position_ - 1;
    unsigned first = 0;
    if (!hex(first)) return false;
    if (first < 0xd800 || first > 0xdfff) return true;
    unsigned second = 0;
    if (first <= 0xdbff && text_.substr(position_).starts_with("\\u")) {
      ++position_;
      if (!hex(second)) return false;
    }
    if (second >= 0xdc00 && second <= 0xdfff) return true;
    position_ = start;
    return fail_with(ErrorKind::malformed,
                     fmt::format("expected a surrogate pair, found \\u{:04x} alone", first));
  }

  /// `u` and four hexadecimal digits.
  bool hex(unsigned& out) {
    ++position_;
    for (int i = 0; i < 4; ++i) {
      if (!is_hex(peek())) return expected("a hexadecimal digit");
      const char c = text_[position_++];
      out = out * 16 + static_cast<unsigned>(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return true;
  }

  std::string_view text_;
  std::size_t position_ = 0;
  std::size_t depth_ = 0;
  std::bitset<max_json_depth> objects_;
  std::optional<JsonFault> fault_;
};

}  // namespace

std::optional<JsonFault> find_json_fault(std::string_view text) { return Scanner(text).run(); }

}  // namespace holisafe::dataset
