// What an LLM judge is asked: a text with named fields, filled in for each row.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::judge {

/// What the fields of a prompt stand for.
struct PromptValues {
  std::string_view query;
  std::string_view response;
  taxonomy::Combination type = taxonomy::Combination::SSS;
  std::string_view category = {};
  std::string_view subcategory = {};
};

/// `{query}`, `{response}`, `{label}` (`safe` or `unsafe`: the combination's outcome), `{type}` (`SSU`),
/// `{category}` and `{subcategory}`. `{question}` and `{safety_label}` are taken for `{query}` and `{label}`,
/// so that the prompt of the benchmark's authors can be used as it is. Braces around anything but a word of
/// lower-case letters and underscores stand for themselves.
class PromptTemplate {
 public:
  /// Errors, with `where`: unexpected (a field of another name), missing (no `{response}`), invalid_utf8.
  static Result<PromptTemplate> parse(std::string text, const std::string& where);
  /// This program's own prompt.
  static PromptTemplate standard();

  /// Every placeholder of the template replaced; what is filled in is not looked at again, so it may hold the
  /// text of a placeholder.
  [[nodiscard]] std::string fill(const PromptValues& values) const;
  /// As it was parsed.
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  enum class Field { query, response, label, type, category, subcategory };
  /// Text from `begin` to `end`, then the field, if any.
  struct Piece {
    std::size_t begin = 0;
    std::size_t end = 0;
    bool has_field = false;
    Field field = Field::query;
  };
  static bool parse_field(std::string_view word, Field& field);
  static std::string_view value(Field field, const PromptValues& values);

  std::string text_;
  std::vector<Piece> pieces_;
};

}  // namespace holisafe::judge
