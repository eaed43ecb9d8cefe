#include "tokenizer/pre_tokenizer.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <array>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include <pcre2.h>

#include "tokenizer/normalizer.h"

namespace holisafe::tokenizer {
namespace {

using Texts = std::vector<AlignedText>;
struct Span {
  std::size_t begin;
  std::size_t end;
};

/// The pattern GPT-2's byte-level pre-tokenizer splits by when its file says use_regex.
constexpr const char* gpt2_pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// PCRE2's \s takes U+180E, the tokenizers library's does not: \s is spelled out.
std::string spelled_out(std::string_view pattern) {
  std::string out;
  bool in_class = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\' && i + 1 < pattern.size()) {
      const char next = pattern[++i];
      const std::string space = R"(\t-\r\x{85}\p{Z})";
      if (next == 's')
        out += in_class ? space : "[" + space + "]";
      else if (next == 'S' && !in_class)
        out += "[^" + space + "]";
      else
        out += {'\\', next};
      continue;
    }
    if (pattern[i] == '[') in_class = true;
    if (pattern[i] == ']') in_class = false;
    out += pattern[i];
  }
  return out;
}

class Regex {
 public:
  static Result<Regex> compile(std::string_view pattern) {
    const std::string text = spelled_out(pattern);
    int code = 0;
    PCRE2_SIZE offset = 0;
    Regex out;
    out.code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                  PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &code, &offset, nullptr),
                    pcre2_code_free);
    if (out.code_ == nullptr) {
      std::array<PCRE2_UCHAR, 200> words{};
      pcre2_get_error_message(code, words.data(), words.size());
      return fail(ErrorKind::malformed, "bad pattern in tokenizer.json", std::string(pattern),
                  reinterpret_cast<const char*>(words.data()));
    }
    pcre2_jit_compile(out.code_.get(), PCRE2_JIT_COMPLETE);
    return out;
  }

  /// All matches from left to right; empty ones are passed over.
  [[nodiscard]] std::vector<Span> matches(const std::string& text) const {
    const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data(
        pcre2_match_data_create_from_pattern(code_.get(), nullptr), pcre2_match_data_free);
    std::vector<Span> out;
    std::size_t at = 0;
    while (at < text.size() && pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()),
                                           text.size(), at, PCRE2_NO_UTF_CHECK, data.get(), nullptr) > 0) {
      const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(data.get());
      if (bounds[1] > bounds[0]) out.push_back({bounds[0], bounds[1]});
      at = bounds[1] > at ? bounds[1] : at + character_size(text[at]);
    }
    return out;
  }

 private:
  std::shared_ptr<pcre2_code> code_;
};

std::vector<Span> find_all(const std::string& text, const std::string& pattern) {
  std::vector<Span> out;
  for (std::size_t hit = text.find(pattern); hit != std::string::npos;
       hit = text.find(pattern, hit + pattern.size())) {
    out.push_back({hit, hit + pattern.size()});
  }
  return out;
}

enum class Behavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

/// Cuts a text at matches, each kept, dropped or joined to a neighbour as the behaviour says.
std::vector<Span> cut(const std::string& text, const std::vector<Span>& matches, bool invert,
                      Behavior behavior) {
  struct Part {
    Span span;
    bool match;
  };
  std::vector<Part> parts;
  std::size_t at = 0;
  for (const Span& match : matches) {
    if (match.begin > at) parts.push_back({{at, match.begin}, invert});
    parts.push_back({match, !invert});
    at = match.end;
  }
  if (at < text.size()) parts.push_back({{at, text.size()}, invert});

  std::vector<Span> out;
  bool previous_match = false;
  bool open_match = false;  // merged_with_next: the last of `out` waits for what follows
  for (const Part& part : parts) {
    const bool join =
        (behavior == Behavior::merged_with_previous && part.match && !previous_match && !out.empty()) ||
        (behavior == Behavior::merged_with_next && !part.match && open_match) ||
        (behavior == Behavior::contiguous && part.match == previous_match && !out.empty());
    if (join)
      out.back().end = part.span.end;
    else if (!(behavior == Behavior::removed && part.match))
      out.push_back(part.span);
    previous_match = part.match;
    open_match = part.match;
  }
  return out;
}

Texts slices(const AlignedText& text, const std::vector<Span>& spans) {
  Texts out;
  for (const Span& span : spans) out.push_back(text.slice(span.begin, span.end - span.begin));
  return out;
}

using Finder = std::function<std::vector<Span>(const std::string&)>;

PreTokenizer splitter(Finder find, bool invert, Behavior behavior) {
  return [find = std::move(find), invert, behavior](const Texts& texts, bool) {
    Texts out;
    for (const AlignedText& text : texts) {
      for (AlignedText& part : slices(text, cut(text.text, find(text.text), invert, behavior)))
        out.push_back(std::move(part));
    }
    return out;
  };
}

Result<PreTokenizer> make_split(simdjson::dom::element json) {
  static const std::map<std::string_view, Behavior> behaviors{
      {"Removed", Behavior::removed},
      {"Isolated", Behavior::isolated},
      {"MergedWithPrevious", Behavior::merged_with_previous},
      {"MergedWithNext", Behavior::merged_with_next},
      {"Contiguous", Behavior::contiguous}};
  HOLISAFE_TRY(const auto pattern, member(json, "pattern", "pre_tokenizer Split"));
  HOLISAFE_TRY(const auto behavior, member_as<std::string_view>(json, "behavior", "pre_tokenizer Split"));
  HOLISAFE_TRY(const bool invert, member_or<bool>(json, "invert", "pre_tokenizer Split", false));
  const auto known = behaviors.find(behavior);
  if (known == behaviors.end()) return not_supported("pre_tokenizer Split behavior", behavior);
  std::string_view text;
  if (pattern.at_key("Regex").get(text) == simdjson::SUCCESS) {
    HOLISAFE_TRY(const Regex regex, Regex::compile(text));
    return splitter([regex](const std::string& in) { return regex.matches(in); }, invert, known->second);
  }
  if (pattern.at_key("String").get(text) == simdjson::SUCCESS && !text.empty()) {
    return splitter([text = std::string(text)](const std::string& in) { return find_all(in, text); }, invert,
                    known->second);
  }
  return not_supported("pre_tokenizer Split", "expected a pattern Regex or String");
}

/// Every byte as its character.
AlignedText to_byte_characters(const AlignedText& in) {
  AlignedText out;
  for (std::size_t i = 0; i < in.text.size(); ++i)
    out.append(byte_character(static_cast<unsigned char>(in.text[i])), in.origin[i]);
  return out;
}

Result<PreTokenizer> make_byte_level(simdjson::dom::element json) {
  HOLISAFE_TRY(const bool prefix, member_or<bool>(json, "add_prefix_space", "pre_tokenizer ByteLevel", true));
  HOLISAFE_TRY(const bool use_regex, member_or<bool>(json, "use_regex", "pre_tokenizer ByteLevel", true));
  if (prefix) return not_supported("pre_tokenizer ByteLevel", "add_prefix_space");
  PreTokenizer split = [](Texts texts, bool) { return texts; };
  if (use_regex) {
    HOLISAFE_TRY(const Regex regex, Regex::compile(gpt2_pattern));
    split = splitter([regex](const std::string& in) { return regex.matches(in); }, false, Behavior::isolated);
  }
  return PreTokenizer([split](Texts texts, bool at_start) {
    texts = split(std::move(texts), at_start);
    for (AlignedText& text : texts) text = to_byte_characters(text);
    return texts;
  });
}

Result<PreTokenizer> make_metaspace(simdjson::dom::element json) {
  HOLISAFE_TRY(const auto mark, member_as<std::string_view>(json, "replacement", "pre_tokenizer Metaspace"));
  if (mark.empty()) {
    return not_supported("pre_tokenizer Metaspace", "expected a replacement, found an empty one");
  }
  HOLISAFE_TRY(const bool old_prefix,
               member_or<bool>(json, "add_prefix_space", "pre_tokenizer Metaspace", true));
  HOLISAFE_TRY(const auto scheme,
               member_or<std::string_view>(json, "prepend_scheme", "pre_tokenizer Metaspace",
                                           old_prefix ? "always" : "never"));
  HOLISAFE_TRY(const bool split, member_or<bool>(json, "split", "pre_tokenizer Metaspace", true));
  if (scheme != "always" && scheme != "first" && scheme != "never")
    return not_supported("pre_tokenizer Metaspace prepend_scheme", scheme);
  return PreTokenizer(
      [mark = std::string(mark), scheme = std::string(scheme), split](const Texts& texts, bool at_start) {
        Texts out;
        for (std::size_t i = 0; i < texts.size(); ++i) {
          AlignedText text;
          for (std::size_t at = 0; at < texts[i].text.size(); ++at) {
            const bool space = texts[i].text[at] == ' ';
            text.append(space ? std::string_view(mark) : std::string_view(texts[i].text).substr(at, 1),
                        texts[i].origin[at]);
          }
          const bool wanted = scheme == "always" || (scheme == "first" && at_start && i == 0);
          if (wanted && !text.text.empty() && !text.text.starts_with(mark)) {
            AlignedText prefixed;
            const std::uint32_t begin = text.origin.front().begin;
            prefixed.append(mark, {begin, begin});
            prefixed.append(text, 0, text.text.size());
            text = std::move(prefixed);
          }
          if (!split) {
            out.push_back(std::move(text));
            continue;
          }
          for (AlignedText& part :
               slices(text, cut(text.text, find_all(text.text, mark), false, Behavior::merged_with_next)))
            out.push_back(std::move(part));
        }
        return out;
      });
}

Result<PreTokenizer> make_digits(simdjson::dom::element json) {
  HOLISAFE_TRY(const bool individual,
               member_or<bool>(json, "individual_digits", "pre_tokenizer Digits", false));
  HOLISAFE_TRY(const Regex regex, Regex::compile("\\p{N}"));
  return splitter([regex](const std::string& in) { return regex.matches(in); }, false,
                  individual ? Behavior::isolated : Behavior::contiguous);
}

Result<PreTokenizer> make_sequence(simdjson::dom::element json) {
  HOLISAFE_TRY(const auto parts, member_as<simdjson::dom::array>(json, "pretokenizers", "pre_tokenizer"));
  std::vector<PreTokenizer> all;
  for (const auto part : parts) {
    HOLISAFE_TRY(PreTokenizer one, make_pre_tokenizer(part));
    all.push_back(std::move(one));
  }
  return PreTokenizer([all](Texts texts, bool at_start) {
    for (const PreTokenizer& one : all) texts = one(std::move(texts), at_start);
    return texts;
  });
}

/// GPT-2's table: printable Latin-1 bytes stand for themselves, the others for U+0100 and on.
struct ByteTable {
  std::array<std::string, 256> characters;
  std::map<std::string, int, std::less<>> bytes;
  ByteTable() {
    unsigned next = 256;
    for (unsigned byte = 0; byte < 256; ++byte) {
      const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      const unsigned code = printable ? byte : next++;
      std::string& out = characters[byte];
      if (code < 0x80)
        out = static_cast<char>(code);
      else
        out = {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
      bytes.emplace(out, static_cast<int>(byte));
    }
  }
};

const ByteTable& byte_table() {
  static const ByteTable table;
  return table;
}

}  // namespace

const std::string& byte_character(unsigned char byte) { return byte_table().characters[byte]; }

int byte_of_character(std::string_view character) {
  const auto found = byte_table().bytes.find(character);
  return found == byte_table().bytes.end() ? -1 : found->second;
}

Result<PreTokenizer> make_pre_tokenizer(simdjson::dom::element json) {
  if (json.is_null()) return PreTokenizer([](Texts texts, bool) { return texts; });
  HOLISAFE_TRY(const auto type, member_as<std::string_view>(json, "type", "pre_tokenizer"));
  if (type == "Sequence") return make_sequence(json);
  if (type == "Split") return make_split(json);
  if (type == "ByteLevel") return make_byte_level(json);
  if (type == "Metaspace") return make_metaspace(json);
  if (type == "Digits") return make_digits(json);
  return not_supported("pre_tokenizer", type);
}

}  // namespace holisafe::tokenizer
