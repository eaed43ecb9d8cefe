#include "checkpoint/chat_template.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/file.h"
#include "base/lfs_pointer.h"
#include "base/text.h"
#include "checkpoint/checkpoint.h"

namespace holisafe::checkpoint {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::uint64_t max_template_bytes = std::uint64_t{1} << 20;
constexpr const char* template_key = "chat_template";
constexpr const char* default_name = "default";

Result<std::string> checked(std::string text, const fs::path& file) {
  if (text.size() > max_template_bytes)
    return fail(ErrorKind::too_large, "bad chat template", file.string(), "expected at most 1 MiB");
  if (is_lfs_pointer(text))
    return fail(ErrorKind::malformed, "bad chat template", file.string(), lfs_pointer_words);
  if (!is_utf8(text))
    return fail(ErrorKind::invalid_utf8, "bad chat template", file.string(), "expected UTF-8");
  return text;
}

/// A text, {name: text}, or [{"name", "template"}].
Result<std::string> text_of(const Json& value, const fs::path& file) {
  const Json* text = &value;
  if (value.is_object()) {
    const auto found = value.find(default_name);
    text = found == value.end() ? nullptr : &*found;
  } else if (value.is_array()) {
    const auto found = std::find_if(value.begin(), value.end(), [](const Json& entry) {
      return entry.is_object() && entry.value("name", Json()) == Json(default_name);
    });
    text = found == value.end() || !found->contains("template") ? nullptr : &found->at("template");
  }
  if (text == nullptr) {
    return fail(ErrorKind::missing, "bad chat template", file.string() + ": " + template_key,
                "expected one that is called default, found none");
  }
  if (!text->is_string())
    return fail(ErrorKind::wrong_type, "bad chat template", file.string() + ": " + template_key,
                "expected a text");
  return checked(text->get<std::string>(), file);
}

/// Reads a template into its normal form.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {
    if (text_.ends_with('\n')) text_.remove_suffix(1);  // Jinja drops it
  }

  std::string read() && {
    while (at_ < text_.size()) {
      const std::size_t open = next_open();
      literal(text_.substr(at_, open - at_), open);
      at_ = open;
      if (open < text_.size()) tag();
    }
    flush();
    return std::move(out_);
  }

 private:
  [[nodiscard]] std::size_t next_open() const {
    for (std::size_t at = text_.find('{', at_); at != std::string_view::npos; at = text_.find('{', at + 1)) {
      const char next = at + 1 < text_.size() ? text_[at + 1] : '\0';
      if (next == '{' || next == '%' || next == '#') return at;
    }
    return text_.size();
  }

  /// Text before the tag at `open`, trimmed as the tags on both sides say.
  void literal(std::string_view text, std::size_t open) {
    if (strip_next_) {
      text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    } else if (drop_line_ && text.starts_with('\n')) {
      text.remove_prefix(1);
    }
    if (open + 2 < text_.size()) {
      const char mark = text_[open + 2];
      if (mark == '-') {
        text = text.substr(0, text.find_last_not_of(blanks) + 1);
      } else if (text_[open + 1] != '{' && mark != '+') {
        const std::size_t line = text.find_last_not_of(" \t");
        const bool begins = line == std::string_view::npos ? out_.empty() && literal_.empty() && at_ == 0
                                                           : text[line] == '\n';
        const bool after_line = line == std::string_view::npos && drop_line_ && at_ > 0 && text_[at_] == '\n';
        if (begins || after_line) text = text.substr(0, line == std::string_view::npos ? 0 : line + 1);
      }
    }
    literal_ += text;
    strip_next_ = drop_line_ = false;
  }

  /// The tag at at_: an expression, a statement or a comment.
  void tag() {
    const char kind = text_[at_ + 1];
    std::size_t begin = at_ + 2;
    if (begin < text_.size() && (text_[begin] == '-' || text_[begin] == '+')) ++begin;
    const std::string_view close = kind == '{' ? "}}" : kind == '%' ? "%}" : "#}";
    const std::size_t end = kind == '#' ? text_.find(close, begin) : end_of_tag(begin, close);
    if (end == std::string_view::npos) {  // no template at all
      literal_ += text_.substr(at_);
      at_ = text_.size();
      return;
    }
    std::string_view inside = text_.substr(begin, end - begin);
    strip_next_ = inside.ends_with('-');
    const bool keeps = inside.ends_with('+');
    if (strip_next_ || keeps) inside.remove_suffix(1);
    drop_line_ = kind != '{' && !strip_next_ && !keeps;
    at_ = end + close.size();
    if (kind != '#') put(kind, inside);
  }

  [[nodiscard]] std::size_t end_of_tag(std::size_t at, std::string_view close) const {
    char quote = '\0';
    for (; at < text_.size(); ++at) {
      const char c = text_[at];
      if (quote != '\0') {
        if (c == '\\') ++at;
        if (c == quote) quote = '\0';
      } else if (c == '\'' || c == '"') {
        quote = c;
      } else if (text_.substr(at, 2) == close) {
        return at;
      }
    }
    return std::string_view::npos;
  }

  /// A constant is text; marks of what an assistant said change no text.
  void put(char kind, std::string_view inside) {
    std::string form;
    std::string only;
    std::size_t parts = 0;
    while (!inside.empty()) {
      const char c = inside.front();
      const bool is_text = c == '\'' || c == '"';
      if (blanks.find(c) != std::string_view::npos) {
        inside.remove_prefix(1);
        continue;
      }
      std::string part = is_text ? take_quoted(inside) : take_word(inside);
      if (is_text) {
        only = part;
        part = quoted(part);
      }
      if (!form.empty() && !is_text && is_word(form.back()) && is_word(part.front())) form += ' ';
      form += part;
      parts += is_text ? 1 : 2;
    }
    if (kind == '{' && parts == 1) {
      literal_ += only;
    } else if (kind == '{' || (form != "generation" && form != "endgeneration")) {
      flush();
      out_.append(1, '\1').append(1, kind).append(form);
    }
  }

  static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
  }

  /// A run of word characters, or one other character.
  static std::string take_word(std::string_view& inside) {
    std::size_t size = 1;
    while (is_word(inside.front()) && size < inside.size() && is_word(inside[size])) ++size;
    std::string out(inside.substr(0, size));
    inside.remove_prefix(size);
    return out;
  }

  /// What a quoted text stands for.
  static std::string take_quoted(std::string_view& inside) {
    const char quote = inside.front();
    inside.remove_prefix(1);
    std::string out;
    while (!inside.empty()) {
      const char c = inside.front();
      inside.remove_prefix(1);
      if (c == quote) break;
      if (c != '\\' || inside.empty()) {
        out += c;
        continue;
      }
      const char escaped = inside.front();
      inside.remove_prefix(1);
      switch (escaped) {
        case 'n':
          out += '\n';
          break;
        case 't':
          out += '\t';
          break;
        case '\\':
        case '\'':
        case '"':
          out += escaped;
          break;
        default:
          out.append({'\\', escaped});
      }
    }
    return out;
  }

  static std::string quoted(const std::string& text) {
    return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
  }

  void flush() {
    if (literal_.empty()) return;
    out_.append(1, '\2').append(quoted(literal_));
    literal_.clear();
  }

  static constexpr std::string_view blanks = " \t\r\n";

  std::string_view text_;
  std::size_t at_ = 0;
  std::string literal_;  ///< text since the last tag that stays
  std::string out_;
  bool strip_next_ = false;  ///< the last tag ends with -
  bool drop_line_ = false;   ///< the last tag takes the line's end with it
};

}  // namespace

Result<std::optional<ChatTemplate>> read_chat_template(const fs::path& folder) {
  std::error_code code;
  if (const fs::path file = folder / "chat_template.jinja"; fs::exists(file, code)) {
    HOLISAFE_TRY(std::string bytes, read_file(file, max_template_bytes));
    HOLISAFE_TRY(std::string text, checked(std::move(bytes), file));
    return std::optional(ChatTemplate{std::move(text), file});
  }
  for (const char* name : {"chat_template.json", "processor_config.json", "tokenizer_config.json"}) {
    const fs::path file = folder / name;
    HOLISAFE_TRY(const auto document, read_json_if_there(file));
    if (!document || !document->is_object()) continue;
    const auto found = document->find(template_key);
    if (found == document->end() || found->is_null()) continue;
    HOLISAFE_TRY(std::string text, text_of(*found, file));
    return std::optional(ChatTemplate{std::move(text), file});
  }
  return std::optional<ChatTemplate>{};
}

std::string normal_form(std::string_view text) { return Reader(text).read(); }

}  // namespace holisafe::checkpoint
