#include "tokenizer/normalizer.h"

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <utf8proc.h>

namespace holisafe::tokenizer {
namespace {

constexpr const char* own_name = "normalizer";

Result<AlignedText> prepend(const AlignedText& in, const std::string& prefix, std::size_t most) {
  if (in.text.empty()) return in;
  if (in.text.size() + prefix.size() > most) return grows_too_far(own_name, most);
  AlignedText out;
  const std::uint32_t begin = in.origin.front().begin;
  out.append(prefix, {begin, begin});
  out.append(in, 0, in.text.size());
  return out;
}

Result<AlignedText> replace(const AlignedText& in, const std::string& pattern, const std::string& content,
                            std::size_t most) {
  AlignedText out;
  std::size_t at = 0;
  for (std::size_t hit = in.text.find(pattern); hit != std::string::npos; hit = in.text.find(pattern, at)) {
    out.append(in, at, hit - at);
    if (out.text.size() + content.size() > most) return grows_too_far(own_name, most);
    out.append(content, {in.origin[hit].begin, in.origin[hit + pattern.size() - 1].end});
    at = hit + pattern.size();
  }
  if (out.text.size() + in.text.size() - at > most) return grows_too_far(own_name, most);
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
Result<AlignedText> nfc(const AlignedText& in, std::size_t most) {
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
    if (out.text.size() > most) return grows_too_far(own_name, most);
    at = end;
  }
  return out;
}

Result<Normalizer> make_normalizer(simdjson::dom::element json, std::size_t& parts_left);

Result<Normalizer> make_normalizer_sequence(simdjson::dom::element json, std::size_t& parts_left) {
  HOLISAFE_TRY(const auto parts, member_as<simdjson::dom::array>(json, "normalizers", own_name));
  std::vector<Normalizer> all;
  for (const auto part : parts) {
    HOLISAFE_CHECK(take_part(own_name, parts_left));
    HOLISAFE_TRY(Normalizer one, make_normalizer(part, parts_left));
    all.push_back(std::move(one));
  }
  return Normalizer([all](AlignedText text, std::size_t most) -> Result<AlignedText> {
    for (const Normalizer& one : all) {
      HOLISAFE_TRY(text, one(std::move(text), most));
    }
    return text;
  });
}

Result<Normalizer> make_normalizer(simdjson::dom::element json, std::size_t& parts_left) {
  if (json.is_null())
    return Normalizer([](AlignedText text, std::size_t) -> Result<AlignedText> { return text; });
  HOLISAFE_TRY(const auto type, member_as<std::string_view>(json, "type", own_name));
  if (type == "Sequence") return make_normalizer_sequence(json, parts_left);
  if (type == "NFC")
    return Normalizer([](const AlignedText& text, std::size_t most) { return nfc(text, most); });
  if (type == "Prepend") {
    HOLISAFE_TRY(const auto prefix, member_as<std::string_view>(json, "prepend", own_name));
    return Normalizer([prefix = std::string(prefix)](const AlignedText& text, std::size_t most) {
      return prepend(text, prefix, most);
    });
  }
  if (type == "Replace") {
    HOLISAFE_TRY(const auto pattern, member(json, "pattern", own_name));
    HOLISAFE_TRY(const auto content, member_as<std::string_view>(json, "content", own_name));
    std::string_view text;
    if (pattern.at_key("String").get(text) != simdjson::SUCCESS || text.empty()) {
      return not_supported("normalizer Replace", "expected a pattern that is a string");
    }
    return Normalizer(
        [text = std::string(text), content = std::string(content)](const AlignedText& in, std::size_t most) {
          return replace(in, text, content, most);
        });
  }
  return not_supported(own_name, type);
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

Result<void> take_part(const char* where, std::size_t& left) {
  if (left == 0) {
    return fail(ErrorKind::too_large, "bad tokenizer.json", where,
                fmt::format("expected at most {} parts, found more", most_parts));
  }
  --left;
  return {};
}

tl::unexpected<Error> grows_too_far(std::string_view where, std::size_t most) {
  return fail(ErrorKind::too_large, "cannot use tokenizer", std::string(where),
              fmt::format("expected text to become at most {} bytes, found more", most));
}

Result<Normalizer> make_normalizer(simdjson::dom::element json) {
  std::size_t parts_left = most_parts;
  return make_normalizer(json, parts_left);
}

}  // namespace holisafe::tokenizer
