#include "dataset/json_fault.h"

#include <array>
#include <bitset>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace holisafe::dataset {
namespace {

constexpr std::string_view white_space = " \t\n\r";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

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
    if (text_.substr(position_).starts_with(byte_order_mark)) return "a byte order mark";
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

  /// `u` and four hexadecimal digits; half a surrogate pair too, which is read as U+FFFD.
  bool unicode_escape() {
    ++position_;
    for (int i = 0; i < 4; ++i) {
      if (!is_hex(peek())) return expected("a hexadecimal digit");
      ++position_;
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
