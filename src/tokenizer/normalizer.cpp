#include "tokenizer/normalizer.h"

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include <utf8proc.h>

namespace holisafe::tokenizer {
namespace {

AlignedText prepend(const AlignedText& in, const std::string& prefix) {
  if (in.text.empty()) return in;
  AlignedText out;
  const std::uint32_t begin = in.origin.front().begin;
  out.append(prefix, {begin, begin});
  out.append(in, 0, in.text.size());
  return out;
}

AlignedText replace(const AlignedText& in, const std::string& pattern, const std::string& content) {
  AlignedText out;
  std::size_t at = 0;
  for (std::size_t hit = in.text.find(pattern); hit != std::string::npos; hit = in.text.find(pattern, at)) {
    out.append(in, at, hit - at);
    out.append(content, {in.origin[hit].begin, in.origin[hit + pattern.size() - 1].end});
    at = hit + pattern.size();
  }
  out.append(in, at, in.text.size() - at);
  return out;
}

/// Whether a character may change together with those before it: a mark, or a vowel or final of Hangul.
bool joins_previous(utf8proc_int32_t character) {
  if (character < 0x300) return false;
  const utf8proc_property_t* property = utf8proc_get_property(character);
  const bool mark = property->category == UTF8PROC_CATEGORY_MN ||
                    property->category == UTF8PROC_CATEGORY_MC || property->category == UTF8PROC_CATEGORY_ME;
  return mark || property->combining_class != 0 || (character >= 0x1160 && character <= 0x11FF);
}

utf8proc_int32_t character_at(const std::string& text, std::size_t at) {
  utf8proc_int32_t out = -1;
  utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at,
                   static_cast<utf8proc_ssize_t>(text.size() - at), &out);
  return out;
}

/// Canonical composition, cluster by cluster, so that each stays aligned with its source.
AlignedText nfc(const AlignedText& in) {
  AlignedText out;
  std::size_t at = 0;
  while (at < in.text.size()) {
    std::size_t end = at + character_size(in.text[at]);
    while (end < in.text.size() && static_cast<unsigned char>(in.text[end]) >= 0x80 &&
           joins_previous(character_at(in.text, end))) {
      end += character_size(in.text[end]);
    }
    const bool plain = end - at == 1;
    utf8proc_uint8_t* composed = nullptr;
    const utf8proc_ssize_t size =
        plain ? -1
              : utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(in.text.data()) + at,
                             static_cast<utf8proc_ssize_t>(end - at), &composed,
                             static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    if (size < 0) {
      out.append(in, at, end - at);
    } else {
      const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(composed, &std::free);
      out.append({reinterpret_cast<const char*>(composed), static_cast<std::size_t>(size)},
                 {in.origin[at].begin, in.origin[end - 1].end});
    }
    at = end;
  }
  return out;
}

Result<Normalizer> make_sequence(simdjson::dom::element json) {
  HOLISAFE_TRY(const auto parts, member_as<simdjson::dom::array>(json, "normalizers", "normalizer"));
  std::vector<Normalizer> all;
  for (const auto part : parts) {
    HOLISAFE_TRY(Normalizer one, make_normalizer(part));
    all.push_back(std::move(one));
  }
  return Normalizer([all](AlignedText text) {
    for (const Normalizer& one : all) text = one(std::move(text));
    return text;
  });
}

}  // namespace

tl::unexpected<Error> not_supported(std::string_view part, std::string_view found) {
  return fail(ErrorKind::unsupported, "tokenizer.json has a part that is not supported", std::string(part),
              std::string(found));
}

Result<simdjson::dom::element> member(simdjson::dom::element json, std::string_view key,
                                      std::string_view where) {
  simdjson::dom::element found;
  if (json.at_key(key).get(found) != simdjson::SUCCESS) {
    return fail(ErrorKind::missing, "bad tokenizer.json", std::string(where) + "." + std::string(key),
                "expected it, found none");
  }
  return found;
}

Result<Normalizer> make_normalizer(simdjson::dom::element json) {
  if (json.is_null()) return Normalizer([](AlignedText text) { return text; });
  HOLISAFE_TRY(const auto type, member_as<std::string_view>(json, "type", "normalizer"));
  if (type == "Sequence") return make_sequence(json);
  if (type == "NFC") return Normalizer([](const AlignedText& text) { return nfc(text); });
  if (type == "Prepend") {
    HOLISAFE_TRY(const auto prefix, member_as<std::string_view>(json, "prepend", "normalizer"));
    return Normalizer(
        [prefix = std::string(prefix)](const AlignedText& text) { return prepend(text, prefix); });
  }
  if (type == "Replace") {
    HOLISAFE_TRY(const auto pattern, member(json, "pattern", "normalizer"));
    HOLISAFE_TRY(const auto content, member_as<std::string_view>(json, "content", "normalizer"));
    std::string_view text;
    if (pattern.at_key("String").get(text) != simdjson::SUCCESS || text.empty()) {
      return not_supported("normalizer Replace", "expected a pattern that is a string");
    }
    return Normalizer([text = std::string(text), content = std::string(content)](const AlignedText& in) {
      return replace(in, text, content);
    });
  }
  return not_supported("normalizer", type);
}

}  // namespace holisafe::tokenizer
