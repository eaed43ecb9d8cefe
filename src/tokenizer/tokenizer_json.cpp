// tokenizer.json.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <simdjson.h>

#include "base/file.h"
#include "base/lfs_pointer.h"
#include "tokenizer/bpe.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/pre_tokenizer.h"
#include "tokenizer/vocabulary.h"

namespace holisafe::tokenizer {
namespace {

/// What the file's decoder does to a token.
struct DecoderSteps {
  bool byte_level = false;
  bool byte_fallback = false;
  std::vector<std::pair<std::string, std::string>> replace;
  bool strip_first_space = false;
};

Result<void> read_decoder(simdjson::dom::element json, DecoderSteps& out, std::size_t& parts_left) {
  if (json.is_null()) return {};
  HOLISAFE_CHECK(take_part("decoder", parts_left));
  HOLISAFE_TRY(const auto type, member_as<std::string_view>(json, "type", "decoder"));
  if (type == "Sequence") {
    HOLISAFE_TRY(const auto parts, member_as<simdjson::dom::array>(json, "decoders", "decoder"));
    for (const auto part : parts) HOLISAFE_CHECK(read_decoder(part, out, parts_left));
    return {};
  }
  if (type == "Fuse") return {};
  if (type == "ByteLevel") {
    out.byte_level = true;
  } else if (type == "ByteFallback") {
    out.byte_fallback = true;
  } else if (type == "Replace") {
    HOLISAFE_TRY(const auto pattern, member(json, "pattern", "decoder Replace"));
    HOLISAFE_TRY(const auto content, member_as<std::string_view>(json, "content", "decoder Replace"));
    std::string_view text;
    if (pattern.at_key("String").get(text) != simdjson::SUCCESS || text.empty())
      return not_supported("decoder Replace", "expected a pattern String");
    out.replace.emplace_back(text, content);
  } else if (type == "Strip") {
    HOLISAFE_TRY(const auto content, member_as<std::string_view>(json, "content", "decoder Strip"));
    HOLISAFE_TRY(const auto start, member_or<std::int64_t>(json, "start", "decoder Strip", 0));
    HOLISAFE_TRY(const auto stop, member_or<std::int64_t>(json, "stop", "decoder Strip", 0));
    if (content != " " || start != 1 || stop != 0)
      return not_supported("decoder Strip", "expected one leading blank");
    out.strip_first_space = true;
  } else if (type == "Metaspace") {
    HOLISAFE_TRY(const auto mark, member_as<std::string_view>(json, "replacement", "decoder Metaspace"));
    if (mark.empty()) return not_supported("decoder Metaspace", "expected a replacement, found an empty one");
    HOLISAFE_TRY(const auto scheme,
                 member_or<std::string_view>(json, "prepend_scheme", "decoder Metaspace", "always"));
    out.replace.emplace_back(mark, " ");
    out.strip_first_space = scheme != "never";
  } else {
    return not_supported("decoder", type);
  }
  return {};
}

std::optional<char> byte_token(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return std::nullopt;
  int value = 0;
  for (const char c : token.substr(3, 2)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                             : -1;
    if (digit < 0) return std::nullopt;
    value = value * 16 + digit;
  }
  return static_cast<char>(value);
}

/// Byte characters back to bytes; a token with another character stands for itself.
std::string from_byte_characters(std::string_view token) {
  std::string out;
  for (std::size_t at = 0; at < token.size();) {
    const std::size_t size = character_size(token[at]);
    const int byte = byte_of_character(token.substr(at, size));
    if (byte < 0) return std::string(token);
    out += static_cast<char>(byte);
    at += size;
  }
  return out;
}

/// A token with all replacements made; nothing where it would grow beyond what texts may.
std::optional<std::string> replaced(std::string token, const DecoderSteps& steps) {
  const std::size_t most = most_text(token.size());
  for (const auto& [from, to] : steps.replace) {
    std::size_t hit = token.find(from);
    if (hit == std::string::npos) continue;
    std::string out;
    std::size_t at = 0;
    for (; hit != std::string::npos; hit = token.find(from, at)) {
      out.append(token, at, hit - at).append(to);
      at = hit + from.size();
      if (out.size() > most) return std::nullopt;
    }
    out.append(token, at);
    token = std::move(out);
    if (token.size() > most) return std::nullopt;
  }
  return token;
}

/// Every token is decoded once where replacements make text longer: what passes is within bounds ever after.
Result<void> check_growth(const DecoderSteps& steps, const Bpe& bpe, const Vocabulary& vocabulary) {
  const bool grows = std::any_of(steps.replace.begin(), steps.replace.end(),
                                 [](const auto& one) { return one.second.size() > one.first.size(); });
  if (!grows) return {};
  for (const auto& [token, id] : bpe.ids()) {
    if (!replaced(token, steps)) return grows_too_far("decoder, token " + token, most_text(token.size()));
  }
  for (const AddedToken& token : vocabulary.added) {
    if (!replaced(token.content, steps))
      return grows_too_far("decoder, token " + token.content, most_text(token.content.size()));
  }
  return {};
}

Decoded decode_token(std::string token, const DecoderSteps& steps) {
  if (steps.byte_fallback) {
    if (const auto byte = byte_token(token)) return {std::string(1, *byte), true};
  }
  auto text = replaced(token, steps);
  if (text) token = *std::move(text);
  return {steps.byte_level ? from_byte_characters(token) : token, false};
}

Result<void> read_added_tokens(simdjson::dom::element json, Vocabulary& vocabulary) {
  simdjson::dom::array list;
  if (json.at_key("added_tokens").get(list) != simdjson::SUCCESS) return {};
  for (const auto item : list) {
    constexpr std::string_view where = "added_tokens";
    AddedToken token;
    HOLISAFE_TRY(token.id, member_as<std::int64_t>(item, "id", where));
    HOLISAFE_TRY(const auto content, member_as<std::string_view>(item, "content", where));
    token.content = content;
    HOLISAFE_TRY(token.special, member_or<bool>(item, "special", where, false));
    HOLISAFE_TRY(token.normalized, member_or<bool>(item, "normalized", where, !token.special));
    HOLISAFE_TRY(token.strip_left, member_or<bool>(item, "lstrip", where, false));
    HOLISAFE_TRY(token.strip_right, member_or<bool>(item, "rstrip", where, false));
    HOLISAFE_TRY(const bool single_word, member_or<bool>(item, "single_word", where, false));
    if (single_word) return not_supported("added_tokens single_word", token.content);
    if (token.id < 0 || token.id > 0x7FFFFFFF || token.content.empty()) {
      return fail(ErrorKind::out_of_range, "bad tokenizer.json", "added_tokens",
                  fmt::format("expected an id from 0 and a content, found id {}", token.id));
    }
    HOLISAFE_CHECK(vocabulary.add(std::move(token)));
  }
  return {};
}

Result<void> build(simdjson::dom::element json, Vocabulary& vocabulary) {
  static const simdjson::dom::element null = [] {
    static simdjson::dom::parser parser;
    return parser.parse(std::string_view("null")).value();
  }();
  const auto part_or_null = [&](const char* key) {
    simdjson::dom::element found;
    return json.at_key(key).get(found) == simdjson::SUCCESS ? found : null;
  };
  HOLISAFE_TRY(const auto model, member(json, "model", "tokenizer.json"));
  HOLISAFE_TRY(Bpe made, Bpe::make(model));
  const auto bpe = std::make_shared<const Bpe>(std::move(made));
  HOLISAFE_TRY(vocabulary.normalize, make_normalizer(part_or_null("normalizer")));
  HOLISAFE_TRY(const PreTokenizer pre_tokenize, make_pre_tokenizer(part_or_null("pre_tokenizer")));
  DecoderSteps steps;
  std::size_t parts_left = most_parts + 1;  // the list itself counts as one
  HOLISAFE_CHECK(read_decoder(part_or_null("decoder"), steps, parts_left));

  // Views of what bpe holds. No table by id: a file may name any id.
  auto tokens = std::make_shared<std::unordered_map<std::int64_t, std::string_view>>();
  tokens->reserve(bpe->ids().size());
  for (const auto& [token, id] : bpe->ids()) {
    tokens->insert_or_assign(id, token);
    vocabulary.size = std::max(vocabulary.size, id + 1);
  }
  vocabulary.strips_first_space = steps.strip_first_space;
  vocabulary.encode_model = [bpe, pre_tokenize](const AlignedText& text, bool at_start,
                                                Encoding& out) -> Result<void> {
    HOLISAFE_TRY(const auto pieces, pre_tokenize({text}, at_start, most_text(text.text.size())));
    for (const AlignedText& piece : pieces) bpe->encode(piece, out);
    return {};
  };
  vocabulary.model_id = [bpe](std::string_view token) -> std::optional<std::int64_t> {
    const auto found = bpe->ids().find(token);
    return found == bpe->ids().end() ? std::nullopt : std::optional(found->second);
  };
  vocabulary.decode_model = [bpe, tokens, steps](std::int64_t id) -> std::optional<Decoded> {
    const auto found = tokens->find(id);
    if (found == tokens->end()) return std::nullopt;
    return decode_token(std::string(found->second), steps);
  };
  vocabulary.decode_added = [steps](std::string content) { return decode_token(std::move(content), steps); };
  HOLISAFE_CHECK(read_added_tokens(json, vocabulary));
  return check_growth(steps, *bpe, vocabulary);
}

}  // namespace

Result<std::shared_ptr<Vocabulary>> Vocabulary::from_json(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "tokenizer.json";
  HOLISAFE_TRY(const std::string text, read_file(path, std::uint64_t{1} << 30));
  if (is_lfs_pointer(text))
    return fail(ErrorKind::malformed, "bad tokenizer.json", path.string(), lfs_pointer_words);
  simdjson::dom::parser parser;
  simdjson::dom::element json;
  if (const auto code = parser.parse(text).get(json); code != simdjson::SUCCESS) {
    return fail(ErrorKind::malformed, "bad tokenizer.json", path.string(), simdjson::error_message(code));
  }
  if (!json.is_object())
    return fail(ErrorKind::wrong_type, "bad tokenizer.json", path.string(), "expected an object");
  auto out = std::make_shared<Vocabulary>();
  if (auto built = build(json, *out); !built) {
    Error error = built.error();
    error.where = path.string() + ": " + error.where;
    return fail(std::move(error));
  }
  HOLISAFE_CHECK(read_tokenizer_config(folder, *out));
  return out;
}

}  // namespace holisafe::tokenizer
