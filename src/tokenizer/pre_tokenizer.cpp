#include "tokenizer/pre_tokenizer.h"

#include <array>
#include <map>
#include <string>
#include <utility>

#include "tokenizer/normalizer.h"
#include "tokenizer/pattern.h"

namespace holisafe::tokenizer {
namespace {

using Texts = std::vector<AlignedText>;

constexpr const char* file_name = "tokenizer.json";

/// The pattern GPT-2's byte-level pre-tokenizer splits by when its file says use_regex.
constexpr const char* gpt2_pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

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

using Finder = std::function<Result<std::vector<Span>>(const std::string&)>;

Finder finder(Pattern pattern) {
  return [pattern = std::move(pattern)](const std::string& text) { return pattern.matches(text); };
}

PreTokenizer splitter(Finder find, bool invert, Behavior behavior) {
  return [find = std::move(find), invert, behavior](const Texts& texts, bool, std::size_t) -> Result<Texts> {
    Texts out;
    for (const AlignedText& text : texts) {
      HOLISAFE_TRY(const auto found, find(text.text));
      for (AlignedText& part : slices(text, cut(text.text, found, invert, behavior)))
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
    HOLISAFE_TRY(auto regex, Pattern::compile(text, file_name));
    return splitter(finder(std::move(regex)), invert, known->second);
  }
  if (pattern.at_key("String").get(text) == simdjson::SUCCESS && !text.empty()) {
    return splitter([text = std::string(text)](
                        const std::string& in) -> Result<std::vector<Span>> { return find_all(in, text); },
                    invert, known->second);
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
  PreTokenizer split = [](Texts texts, bool, std::size_t) -> Result<Texts> { return texts; };
  if (use_regex) {
    HOLISAFE_TRY(auto regex, Pattern::compile(gpt2_pattern, file_name));
    split = splitter(finder(std::move(regex)), false, Behavior::isolated);
  }
  return PreTokenizer([split](Texts texts, bool at_start, std::size_t most) -> Result<Texts> {
    HOLISAFE_TRY(texts, split(std::move(texts), at_start, most));
    for (AlignedText& text : texts) text = to_byte_characters(text);
    return texts;
  });
}

Result<PreTokenizer> make_metaspace(simdjson::dom::element json) {
  HOLISAFE_TRY(const auto mark, member_as<std::string_view>(json, "replacement", "pre_tokenizer Metaspace"));
  if (mark.empty() || mark.size() != character_size(mark.front())) {
    return not_supported("pre_tokenizer Metaspace", "expected a replacement of one character");
  }
  HOLISAFE_TRY(const bool old_prefix,
               member_or<bool>(json, "add_prefix_space", "pre_tokenizer Metaspace", true));
  HOLISAFE_TRY(const auto scheme,
               member_or<std::string_view>(json, "prepend_scheme", "pre_tokenizer Metaspace",
                                           old_prefix ? "always" : "never"));
  HOLISAFE_TRY(const bool split, member_or<bool>(json, "split", "pre_tokenizer Metaspace", true));
  if (scheme != "always" && scheme != "first" && scheme != "never")
    return not_supported("pre_tokenizer Metaspace prepend_scheme", scheme);
  return PreTokenizer([mark = std::string(mark), scheme = std::string(scheme), split](
                          const Texts& texts, bool at_start, std::size_t) -> Result<Texts> {
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
  HOLISAFE_TRY(auto regex, Pattern::compile("\\p{N}", file_name));
  return splitter(finder(std::move(regex)), false, individual ? Behavior::isolated : Behavior::contiguous);
}

std::size_t bytes_of(const Texts& texts) {
  std::size_t out = 0;
  for (const AlignedText& text : texts) out += text.text.size();
  return out;
}

Result<PreTokenizer> make_pre_tokenizer(simdjson::dom::element json, std::size_t& parts_left);

Result<PreTokenizer> make_pre_tokenizer_sequence(simdjson::dom::element json, std::size_t& parts_left) {
  constexpr const char* where = "pre_tokenizer";
  HOLISAFE_TRY(const auto parts, member_as<simdjson::dom::array>(json, "pretokenizers", where));
  std::vector<PreTokenizer> all;
  for (const auto part : parts) {
    HOLISAFE_CHECK(take_part(where, parts_left));
    HOLISAFE_TRY(PreTokenizer one, make_pre_tokenizer(part, parts_left));
    all.push_back(std::move(one));
  }
  return PreTokenizer([all](Texts texts, bool at_start, std::size_t most) -> Result<Texts> {
    for (const PreTokenizer& one : all) {
      HOLISAFE_TRY(texts, one(std::move(texts), at_start, most));
      if (bytes_of(texts) > most) return grows_too_far(where, most);
    }
    return texts;
  });
}

Result<PreTokenizer> make_pre_tokenizer(simdjson::dom::element json, std::size_t& parts_left) {
  if (json.is_null())
    return PreTokenizer([](Texts texts, bool, std::size_t) -> Result<Texts> { return texts; });
  HOLISAFE_TRY(const auto type, member_as<std::string_view>(json, "type", "pre_tokenizer"));
  if (type == "Sequence") return make_pre_tokenizer_sequence(json, parts_left);
  if (type == "Split") return make_split(json);
  if (type == "ByteLevel") return make_byte_level(json);
  if (type == "Metaspace") return make_metaspace(json);
  if (type == "Digits") return make_digits(json);
  return not_supported("pre_tokenizer", type);
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
  std::size_t parts_left = most_parts;
  return make_pre_tokenizer(json, parts_left);
}

}  // namespace holisafe::tokenizer
