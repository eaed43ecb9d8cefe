// Regular expressions of others' files (a tokenizer's, an adapter's), run by PCRE2 within bounds.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

struct pcre2_real_code_8;

namespace holisafe::tokenizer {

/// Bytes [begin, end) of a text.
struct Span {
  std::size_t begin;
  std::size_t end;
};

/// Immutable; copies share the compiled code; thread-safe.
class Pattern {
 public:
  /// `file` is where it comes from, for errors. Errors: malformed.
  static Result<Pattern> compile(std::string_view pattern, std::string file);

  /// All matches in valid UTF-8, from left to right; empty ones are passed over. Errors: too_large (the
  /// engine gave up: its stack, heap or steps are at an end), which is never taken for "no match".
  [[nodiscard]] Result<std::vector<Span>> matches(std::string_view text) const;
  /// Whether it is found at all. Errors: as matches().
  [[nodiscard]] Result<bool> found_in(std::string_view text) const;

 private:
  struct Found;
  [[nodiscard]] Result<bool> match(std::string_view text, std::size_t at, Found& found) const;

  std::string text_;
  std::string file_;
  std::shared_ptr<pcre2_real_code_8> code_;
};

}  // namespace holisafe::tokenizer
