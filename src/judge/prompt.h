// What an LLM judge is asked: a text with named fields, filled in for each row.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace holisafe::judge {

/// A field by the names that may stand for it in a text.
struct FieldNames {
  std::string_view name;
  std::string_view alias;  ///< may be empty
};

/// A prompt with its fields filled in.
struct FilledPrompt {
  /// Bytes [begin, end) of the text that came from a field.
  struct Place {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::size_t field = 0;
  };
  std::string text;
  std::vector<Place> places;  ///< in order

  /// Those that hold any of these bytes.
  [[nodiscard]] std::span<const Place> touched(std::size_t begin, std::size_t end) const;
};

/// `{query}` and the like stand for the fields that a benchmark knows; one of them is `{response}`, the
/// answer to judge. Braces around anything but a word of lower-case letters and underscores stand for
/// themselves.
class PromptTemplate {
 public:
  /// Errors, with `where`: unexpected (a field of another name), missing (no `{response}`), invalid_utf8.
  static Result<PromptTemplate> parse(std::string text, const std::string& where,
                                      std::span<const FieldNames> fields);

  /// Every placeholder of the template replaced by its field's value; `values` are as many as the fields, in
  /// their order. What is filled in is not looked at again, so it may hold the text of a placeholder.
  [[nodiscard]] FilledPrompt fill(std::span<const std::string> values) const;
  /// As it was parsed.
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  static constexpr std::size_t no_field = static_cast<std::size_t>(-1);
  /// Text from `begin` to `end`, then the field, if any.
  struct Piece {
    std::size_t begin = 0;
    std::size_t end = 0;
    std::size_t field = no_field;
  };

  std::string text_;
  std::vector<Piece> pieces_;
};

}  // namespace holisafe::judge
