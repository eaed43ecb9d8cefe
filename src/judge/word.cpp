#include "judge/word.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/error.h"
#include "base/text.h"
#include "judge/material.h"

namespace holisafe::judge {
namespace {

/// What stands around a word, in lower case.
struct Tag {
  std::string_view open;
  std::string_view close;
};
constexpr Tag own{"<label>", "</label>"};
constexpr Tag defused_tag{"\xe2\x80\xb9label>", "\xe2\x80\xb9/label>"};
static_assert(defused_tag.open.starts_with(defused_bracket));

/// Bytes of the decoration that `text` begins with (or ends with): markdown, a quote, a full stop; else 0.
std::size_t decoration(std::string_view text, bool at_end) {
  constexpr std::array<std::string_view, 14> marks = {"*",
                                                      "_",
                                                      "`",
                                                      "~",
                                                      "\"",
                                                      "'",
                                                      ".",
                                                      "\xe2\x80\x98",
                                                      "\xe2\x80\x99",
                                                      "\xe2\x80\x9c",
                                                      "\xe2\x80\x9d",
                                                      "\xe2\x80\x9e",
                                                      "\xc2\xab",
                                                      "\xc2\xbb"};  // the last ones: ‘ ’ “ ” „ « »
  for (const auto mark : marks) {
    if (at_end ? text.ends_with(mark) : text.starts_with(mark)) return mark.size();
  }
  return 0;
}

/// The one word in a tag without what decorates it.
std::string_view plain(std::string_view text) {
  while (true) {
    text = strip(text);
    const std::size_t before = decoration(text, false);
    text.remove_prefix(before);
    const std::size_t after = decoration(text, true);
    text.remove_suffix(after);
    if (before + after == 0) return text;
  }
}

/// The tags of a text in turn, nested ones too; in time of its length.
class Tags {
 public:
  Tags(std::string_view text, const Tag& tag) : text_(text), tag_(tag) {}

  /// Moves to the next tag; false after the last.
  bool next() {
    at_ = text_.find(tag_.open, at_);
    if (at_ == std::string_view::npos) return false;
    at_ += tag_.open.size();
    if (end_ < at_) end_ = text_.find(tag_.close, at_);
    return true;
  }
  [[nodiscard]] bool closed() const { return end_ != std::string_view::npos; }
  /// The one of `words` that stands in it, alone but for decoration.
  [[nodiscard]] std::optional<std::size_t> word(std::span<const std::string_view> words) const {
    constexpr std::size_t longest = 200;  // with its decoration
    if (!closed() || end_ - at_ > longest) return std::nullopt;
    const std::string_view said = plain(text_.substr(at_, end_ - at_));
    const auto place =
        std::find_if(words.begin(), words.end(), [&](auto word) { return ascii_lower(word) == said; });
    if (place == words.end()) return std::nullopt;
    return static_cast<std::size_t>(place - words.begin());
  }

 private:
  std::string_view text_;
  const Tag& tag_;
  std::size_t at_ = 0;   ///< behind the tag
  std::size_t end_ = 0;  ///< where the next one closes
};

/// The answer's beginning on one line, in quotes.
std::string quoted(std::string_view answer) {
  constexpr std::size_t shown = 110;
  return "\"" + excerpt(answer, shown) + "\"";
}

/// Why an answer is no word, with what it ought to be and how it begins.
Said none(const std::string& why, std::span<const std::string_view> words, std::string_view answer,
          bool tagged = true) {
  const std::string example(words.empty() ? std::string_view() : words.front());
  return {std::nullopt, why + ", expected one such as <label>" + example + "</label>: " + quoted(answer),
          tagged};
}

}  // namespace

Said read_word(std::string_view answer, std::span<const std::string_view> words) {
  const std::string text = ascii_lower(answer);
  Said out;
  for (Tags tags(text, own); tags.next();) {
    if (!tags.closed()) return none("the judge's tag is not closed", words, answer);
    const auto word = tags.word(words);
    if (!word) return none("the judge's tag is no verdict", words, answer);
    if (out.word && out.word != word) return none("the judge's tags contradict each other", words, answer);
    out.word = word;
    out.tagged = true;
  }
  if (!out.word) return none("no verdict tag in the judge's answer", words, answer, false);
  for (Tags tags(text, defused_tag); tags.next();) {
    const auto repeated = tags.word(words);
    if (repeated && repeated != out.word)
      return none("the judge's tag contradicts one that it repeats from the material", words, answer);
  }
  return out;
}

}  // namespace holisafe::judge
