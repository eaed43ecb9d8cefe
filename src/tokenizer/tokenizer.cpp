#include "tokenizer/tokenizer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "checkpoint/checkpoint.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/vocabulary.h"

namespace holisafe::tokenizer {
namespace {

/// One input's way through: text between added tokens is normalized and given to the model.
class Run {
 public:
  Run(const Vocabulary& vocabulary, std::span<const Piece> pieces) : vocabulary_(vocabulary) {
    for (const Piece& piece : pieces) {
      const std::size_t begin = text_.size();
      text_ += piece.text;
      if (!piece.allow_special && !piece.text.empty()) typed_.push_back({begin, text_.size()});
    }
  }

  Result<Encoding> encode() {
    if (!is_utf8(text_)) return fail(ErrorKind::invalid_utf8, "cannot encode text", "", "expected UTF-8");
    AlignedText all;
    all.text = text_;
    all.origin.reserve(text_.size());
    for (std::size_t i = 0; i < text_.size(); ++i)
      all.origin.push_back({static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(i + 1)});
    std::size_t left = most_text(text_.size());
    const auto model = [this](const AlignedText& normalized) -> Result<void> {
      const bool at_start = !normalized.origin.empty() && normalized.origin.front().begin == 0;
      if (normalized.text.empty()) return {};
      return vocabulary_.encode_model(normalized, at_start, out_);
    };
    const auto whole = [&](const AlignedText& part) -> Result<void> {
      HOLISAFE_TRY(const AlignedText normalized, vocabulary_.normalize(part, left));
      std::size_t size = normalized.text.size();
      if (vocabulary_.model_bytes) size = vocabulary_.model_bytes(normalized.text, left);
      if (size > left) return grows_too_far("character map", most_text(text_.size()));
      left -= size;
      return split(normalized, vocabulary_.after_normalizer, model);
    };
    HOLISAFE_CHECK(split(all, vocabulary_.before_normalizer, whole));
    return std::move(out_);
  }

 private:
  /// Whether a token may be recognised at these bytes of the original: a special one only in template text.
  [[nodiscard]] bool allowed(const AddedToken& token, std::size_t begin, std::size_t end) const {
    if (!vocabulary_.is_special(token.id)) return true;
    return std::none_of(typed_.begin(), typed_.end(),
                        [&](const Offsets& typed) { return begin < typed.end && typed.begin < end; });
  }

  template <class Rest>
  Result<void> split(const AlignedText& text, const AddedTokenFinder& finder, const Rest& rest) {
    if (finder.empty()) return rest(text);
    std::size_t done = 0;
    for (std::size_t at = 0; at < text.text.size();) {
      const AddedToken* found = nullptr;
      for (const AddedToken* token : finder.at(text.text, at)) {
        if (allowed(*token, text.origin[at].begin, text.origin[at + token->pattern.size() - 1].end)) {
          found = token;
          break;
        }
      }
      if (found == nullptr) {
        at += character_size(text.text[at]);
        continue;
      }
      auto [begin, end] = stripped(text.text, *found, at, done);
      if (begin > done) HOLISAFE_CHECK(rest(text.slice(done, begin - done)));
      out_.ids.push_back(found->id);
      out_.offsets.push_back({text.origin[at].begin, text.origin[at + found->pattern.size() - 1].end});
      done = end;
      at = end;
    }
    if (done == text.text.size()) return {};
    return rest(done == 0 ? text : text.slice(done, text.text.size() - done));
  }

  static std::pair<std::size_t, std::size_t> stripped(std::string_view text, const AddedToken& token,
                                                      std::size_t at, std::size_t done) {
    std::size_t begin = at;
    std::size_t end = at + token.pattern.size();
    while (const std::size_t size = token.strip_right ? white_space(text.substr(end)) : 0) end += size;
    while (token.strip_left && begin > done) {
      std::size_t before = begin - 1;
      while (before > done && continues_character(text[before])) --before;
      if (before + white_space(text.substr(before)) != begin) break;
      begin = before;
    }
    return {begin, end};
  }

  const Vocabulary& vocabulary_;
  std::string text_;
  std::vector<Offsets> typed_;
  Encoding out_;
};

/// Where valid UTF-8 ends: bytes after it may still become a character if more come.
std::string repaired(std::string_view bytes, bool at_end, std::size_t& consumed) {
  constexpr std::string_view replacement = "\xef\xbf\xbd";
  std::string out;
  std::size_t at = 0;
  while (at < bytes.size()) {
    const auto lead = static_cast<unsigned char>(bytes[at]);
    const std::size_t size = lead < 0x80                   ? 1
                             : lead >= 0xC2 && lead < 0xE0 ? 2
                             : lead >= 0xE0 && lead < 0xF0 ? 3
                             : lead >= 0xF0 && lead < 0xF5 ? 4
                                                           : 0;
    std::size_t good = size == 0 ? 0 : 1;
    for (; good > 0 && good < size && at + good < bytes.size(); ++good) {
      const auto next = static_cast<unsigned char>(bytes[at + good]);
      const unsigned low = good > 1 ? 0x80 : lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
      const unsigned high = good > 1 ? 0xBF : lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
      if (next < low || next > high) break;
    }
    if (size != 0 && good == size) {
      out += bytes.substr(at, size);
      at += size;
      continue;
    }
    if (good > 0 && at + good == bytes.size() && !at_end) break;  // may go on
    out += replacement;
    at += std::max<std::size_t>(good, 1);
  }
  consumed = at;
  return out;
}

std::optional<std::string> content_of(const nlohmann::json& config, const char* key) {
  const auto found = config.find(key);
  if (found == config.end()) return std::nullopt;
  if (found->is_string()) return found->get<std::string>();
  if (found->is_object() && found->contains("content") && (*found)["content"].is_string())
    return (*found)["content"].get<std::string>();
  return std::nullopt;
}

}  // namespace

bool Vocabulary::is_special(std::int64_t id) const {
  if (also_special.contains(id)) return true;
  const auto found = added_by_id.find(id);
  return found != added_by_id.end() && found->second->special;
}

Result<void> Vocabulary::add(AddedToken token) {
  constexpr std::size_t most_bytes =
      1024;  // looking for one at each character takes their time times the text's
  if (token.content.size() > most_bytes) {
    return fail(ErrorKind::too_large, "cannot use tokenizer", fmt::format("added token {}", token.id),
                fmt::format("expected at most {} bytes, found {}", most_bytes, token.content.size()));
  }
  size = std::max(size, token.id + 1);
  if (const auto found = added_by_id.find(token.id);
      found != added_by_id.end() && found->second->content == token.content)
    return {};
  token.pattern = token.content;
  if (token.normalized) {
    AlignedText content;
    content.append(token.content, {0, 0});
    // Each of its bytes is a place in the finder: the room that texts have would be too much here.
    HOLISAFE_TRY(AlignedText pattern, normalize(std::move(content), 16 * token.content.size() + 64));
    token.pattern = std::move(pattern.text);
  }
  const AddedToken* stored = &added.emplace_back(std::move(token));
  (stored->normalized ? after_normalizer : before_normalizer).add(stored);
  added_by_id.insert_or_assign(stored->id, stored);
  return {};
}

Result<void> read_tokenizer_config(const std::filesystem::path& folder, Vocabulary& vocabulary) {
  HOLISAFE_TRY(const auto json, checkpoint::read_json_if_there(folder / "tokenizer_config.json"));
  if (!json || !json->is_object()) return {};
  if (const auto decoder = json->find("added_tokens_decoder");
      decoder != json->end() && decoder->is_object()) {
    for (const auto& [key, value] : decoder->items()) {
      const auto content = value.is_object() ? content_of(value, "content") : std::nullopt;
      const bool digits = !key.empty() && key.size() < 10 &&
                          std::all_of(key.begin(), key.end(), [](char c) { return c >= '0' && c <= '9'; });
      if (!content || content->empty() || !digits) {
        return fail(ErrorKind::wrong_type, "bad tokenizer",
                    (folder / "tokenizer_config.json").string() + ": added_tokens_decoder." + key,
                    "expected an id and a content");
      }
      const auto flag = [&value = value](const char* name) { return value.value(name, false); };
      HOLISAFE_CHECK(vocabulary.add(
          {std::stoll(key), *content, flag("special"), flag("normalized"), flag("lstrip"), flag("rstrip")}));
    }
  }
  const auto id_of = [&](const char* key) -> std::optional<std::int64_t> {
    const auto content = content_of(*json, key);
    if (!content) return std::nullopt;
    for (const AddedToken& token : vocabulary.added) {
      if (token.content == *content) return token.id;
    }
    return vocabulary.model_id(*content);
  };
  if (const auto bos = id_of("bos_token")) vocabulary.bos = bos;
  if (const auto eos = id_of("eos_token")) vocabulary.eos = eos;
  return {};
}

Result<Tokenizer> Tokenizer::open(const std::filesystem::path& folder) {
  std::error_code code;
  const bool json = std::filesystem::exists(folder / "tokenizer.json", code);
  if (!json && !std::filesystem::exists(folder / "tokenizer.model", code)) {
    return fail(ErrorKind::not_found, "no tokenizer", folder.string(),
                "expected tokenizer.json or tokenizer.model, found neither");
  }
  try {
    HOLISAFE_TRY(const auto vocabulary,
                 json ? Vocabulary::from_json(folder) : Vocabulary::from_sentencepiece(folder));
    return Tokenizer(vocabulary);
  } catch (const nlohmann::json::exception& error) {
    return fail(ErrorKind::wrong_type, "bad tokenizer", folder.string(), error.what());
  }
}

Result<Encoding> Tokenizer::encode(std::span<const Piece> pieces) const {
  return Run(*vocabulary_, pieces).encode();
}

Result<std::vector<std::int64_t>> Tokenizer::encode(std::string_view text) const {
  const Piece piece{text, false};
  HOLISAFE_TRY(Encoding encoding, encode(std::span(&piece, 1)));
  return std::move(encoding.ids);
}

std::optional<std::int64_t> Tokenizer::token_id(std::string_view content) const {
  for (const AddedToken& token : vocabulary_->added) {
    if (token.content == content) return token.id;
  }
  return vocabulary_->model_id(content);
}

bool Tokenizer::is_special(std::int64_t id) const { return vocabulary_->is_special(id); }

Tokenizer Tokenizer::also_special(std::span<const std::int64_t> ids) const {
  // Added tokens are pointed to from inside, so a copy is built anew.
  auto copy = std::make_shared<Vocabulary>();
  copy->normalize = vocabulary_->normalize;
  copy->model_bytes = vocabulary_->model_bytes;
  copy->encode_model = vocabulary_->encode_model;
  copy->model_id = vocabulary_->model_id;
  copy->decode_model = vocabulary_->decode_model;
  copy->decode_added = vocabulary_->decode_added;
  copy->strips_first_space = vocabulary_->strips_first_space;
  copy->size = vocabulary_->size;
  copy->bos = vocabulary_->bos;
  copy->eos = vocabulary_->eos;
  copy->also_special = vocabulary_->also_special;
  copy->also_special.insert(ids.begin(), ids.end());
  for (const AddedToken& token : vocabulary_->added) {
    const auto added = copy->add(token);
    static_cast<void>(added);  // they were added to the first one
  }
  return Tokenizer(std::move(copy));
}

std::optional<std::int64_t> Tokenizer::bos_id() const { return vocabulary_->bos; }
std::optional<std::int64_t> Tokenizer::eos_id() const { return vocabulary_->eos; }
std::int64_t Tokenizer::vocabulary_size() const { return vocabulary_->size; }

std::string Tokenizer::decode(std::span<const std::int64_t> ids, bool skip_special) const {
  StreamDecoder decoder(*this, skip_special);
  std::string out;
  for (const std::int64_t id : ids) out += decoder.push(id);
  return out + decoder.finish();
}

std::string StreamDecoder::push(std::int64_t id) {
  const Vocabulary& vocabulary = *tokenizer_.vocabulary_;
  if (skip_special_ && vocabulary.is_special(id)) return {};
  std::optional<Decoded> decoded;
  if (const auto added = vocabulary.added_by_id.find(id); added != vocabulary.added_by_id.end())
    decoded = vocabulary.decode_added(added->second->content);
  else
    decoded = vocabulary.decode_model(id);
  if (!decoded) return {};
  if (decoded->byte_token) {
    bytes_ += decoded->bytes;
    at_start_ = false;
    return {};
  }
  std::string text = std::move(decoded->bytes);
  if (std::exchange(at_start_, false) && vocabulary.strips_first_space && text.starts_with(' '))
    text.erase(0, 1);
  pending_ += flush_bytes() + text;
  return settled(false);
}

std::string StreamDecoder::finish() {
  pending_ += flush_bytes();
  return settled(true);
}

/// A run of byte tokens is text if it is UTF-8 as a whole; otherwise each byte is unknown, as in the
/// tokenizers library.
std::string StreamDecoder::flush_bytes() {
  std::string run = std::exchange(bytes_, {});
  if (is_utf8(run)) return run;
  std::string out;
  for (std::size_t i = 0; i < run.size(); ++i) out += "\xef\xbf\xbd";
  return out;
}

std::string StreamDecoder::settled(bool at_end) {
  std::size_t consumed = 0;
  std::string out = repaired(pending_, at_end, consumed);
  pending_.erase(0, consumed);
  return out;
}

}  // namespace holisafe::tokenizer
