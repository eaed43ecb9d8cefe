// LlavaGuard and QwenGuard: JSON with rating, category and rationale, fenced or with words around it, and
// often cut off within the rationale.
#include <algorithm>

#include "base/text.h"
#include "guard_formats/chat_output.h"
#include "guard_formats/formats.h"

namespace holisafe::guard_formats {
namespace {

constexpr unsigned max_new_tokens = 512;

/// Goes along the members of an object that may end anywhere.
class CutObject {
 public:
  explicit CutObject(std::string_view text) : text_(text) {
    const auto begin = text_.find('{');
    text_.remove_prefix(begin == std::string_view::npos ? text_.size() : begin + 1);
  }

  /// The next member whose value is a whole text; false after the last, or where the object is none.
  bool next(std::string& key, std::string& value) {
    while (true) {
      skip();
      if (!take_text(key) || !take(':')) return false;
      if (take_text(value)) return true;
      if (at_quote()) return false;  // a text that is cut off
      pass_value();
    }
  }

 private:
  void skip() {
    while (!text_.empty()) {
      const std::size_t blank = white_space(text_);
      const std::size_t bytes = blank > 0 ? blank : text_.front() == ',' ? 1 : 0;
      if (bytes == 0) return;
      text_.remove_prefix(bytes);
    }
  }
  bool take(char c) {
    text_ = strip_front(text_);
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  [[nodiscard]] bool at_quote() const {
    return !text_.empty() && (text_.front() == '"' || text_.front() == '\'');
  }
  /// A text in quotes of either kind. Stays where it is if there is none, or not its end.
  bool take_text(std::string& out) {
    text_ = strip_front(text_);
    if (!at_quote()) return false;
    const char quote = text_.front();
    out.clear();
    for (std::size_t i = 1; i < text_.size(); ++i) {
      if (text_[i] == quote) {
        text_.remove_prefix(i + 1);
        return true;
      }
      if (text_[i] == '\\' && i + 1 < text_.size()) ++i;
      out += text_[i];
    }
    return false;
  }
  /// Numbers, words and nested things are none that is read.
  void pass_value() {
    const auto end = text_.find_first_of(",}");
    text_.remove_prefix(std::min(end, text_.size()));
  }

  std::string_view text_;
};

Unread unread(const char* why, std::string_view found) {
  constexpr std::size_t shown = 80;
  return {why, excerpt(strip(found), shown)};
}

Result<Reading> read(const Json& output) {
  HOLISAFE_TRY(const ChatOutput said, chat_output(output));
  CutObject object(said.text);
  Finding out;
  std::string category;
  std::string key;
  std::string value;
  while (object.next(key, value)) {
    if (key == "category") category = value;
    if (key != "rating") continue;
    const std::string word = ascii_lower(strip(value));
    if (word != "safe" && word != "unsafe")
      return Reading(tl::unexpected(unread("the rating is neither Safe nor Unsafe", value)));
    const bool flagged = word == "unsafe";
    if (out.flagged && *out.flagged != flagged)
      return Reading(tl::unexpected(unread("two ratings that differ", said.text)));
    out.flagged = flagged;
  }
  if (!out.flagged) return Reading(tl::unexpected(unread("no JSON with a rating", said.text)));
  if (*out.flagged && !category.empty()) out.categories = {excerpt(category, 80)};
  return Reading(std::move(out));
}

Result<std::vector<Prompt>> prompts(const Policy& policy) {
  if (strip(policy.text).empty())
    return fail(ErrorKind::missing, "empty policy", policy.where, "expected a text, found nothing");
  return std::vector<Prompt>{{"", policy.text}};
}

}  // namespace

const GuardFormat& llavaguard() {
  static const GuardFormat format{
      .name = "llavaguard",
      .title = "LlavaGuard and QwenGuard",
      .scores = false,
      .read = read,
      .request = Request{chat_provider, max_new_tokens, true, prompts, the_only_output}};
  return format;
}

}  // namespace holisafe::guard_formats
