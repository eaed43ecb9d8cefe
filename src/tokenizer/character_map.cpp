#include "tokenizer/character_map.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "tokenizer/aligned_text.h"

namespace holisafe::tokenizer {
namespace {

constexpr std::size_t blank_mark_bytes = 3;
constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

tl::unexpected<Error> malformed(const std::string& where, std::string detail,
                                ErrorKind kind = ErrorKind::malformed) {
  return fail(kind, "bad tokenizer.model", where, std::move(detail));
}

/// The fields of a protocol buffer's message in turn.
class MessageFields {
 public:
  explicit MessageFields(std::string_view message) : left_(message) {}

  struct Field {
    std::uint64_t number = 0;
    std::string_view bytes;  ///< of strings, bytes and messages
  };

  [[nodiscard]] bool at_end() const { return left_.empty(); }
  /// Nothing where the message is none.
  std::optional<Field> next() {
    const auto key = varint();
    if (!key) return std::nullopt;
    Field out{*key >> 3U, {}};
    switch (*key & 7U) {
      case 0:
        if (!varint()) return std::nullopt;
        return out;
      case 1:
        return take(8) ? std::optional(out) : std::nullopt;
      case 2: {
        const auto size = varint();
        const auto bytes = size ? take(*size) : std::nullopt;
        if (!bytes) return std::nullopt;
        out.bytes = *bytes;
        return out;
      }
      case 5:
        return take(4) ? std::optional(out) : std::nullopt;
      default:
        return std::nullopt;
    }
  }

 private:
  std::optional<std::uint64_t> varint() {
    std::uint64_t out = 0;
    for (unsigned shift = 0; shift < 64 && !left_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(left_.front());
      left_.remove_prefix(1);
      out |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
      if (byte < 0x80) return out;
    }
    return std::nullopt;
  }
  std::optional<std::string_view> take(std::uint64_t bytes) {
    if (bytes > left_.size()) return std::nullopt;
    const auto out = left_.substr(0, bytes);
    left_.remove_prefix(bytes);
    return out;
  }

  std::string_view left_;
};

/// The last field of this number; `found` stays where there is none. False where the message is none.
bool read_field(std::string_view message, std::uint64_t number, std::string_view& found) {
  MessageFields fields(message);
  while (!fields.at_end()) {
    const auto field = fields.next();
    if (!field) return false;
    if (field->number == number) found = field->bytes;
  }
  return true;
}

/// ModelProto.normalizer_spec.precompiled_charsmap; of a message that stands twice both are read, as the
/// format has it. Nothing where the model is no such message.
std::optional<std::string_view> map_bytes(std::string_view model) {
  constexpr std::uint64_t normalizer_spec = 3;
  constexpr std::uint64_t precompiled_charsmap = 2;
  std::string_view out;
  MessageFields fields(model);
  while (!fields.at_end()) {
    const auto field = fields.next();
    if (!field) return std::nullopt;
    if (field->number == normalizer_spec && !read_field(field->bytes, precompiled_charsmap, out))
      return std::nullopt;
  }
  return out;
}

// A unit of the double array, as Darts-clone packs it.
constexpr std::uint32_t leaf_bit = 1U << 31U;
bool has_value(std::uint32_t unit) { return ((unit >> 8U) & 1U) != 0; }
std::uint32_t value_of(std::uint32_t unit) { return unit & ~leaf_bit; }
/// The byte by which a node is reached; of a value's unit no byte.
std::uint32_t label_of(std::uint32_t unit) { return unit & (leaf_bit | 0xFFU); }
std::uint32_t offset_of(std::uint32_t unit) { return (unit >> 10U) << ((unit & (1U << 9U)) >> 6U); }
/// A node's value is at its base, its child by a byte at the base with that byte's bits turned round.
std::uint32_t base_of(std::uint32_t node, std::uint32_t unit) { return node ^ offset_of(unit); }

/// The nodes below each base, as lists through two arrays: found in time of the number of units.
class Children {
 public:
  explicit Children(const std::vector<std::uint32_t>& units)
      : first_(units.size(), none), next_(units.size(), none) {
    for (std::uint32_t node = 1; node < units.size(); ++node) {
      const std::uint32_t label = label_of(units[node]);
      const std::uint32_t base = label > 0xFF ? none : node ^ label;
      if (base >= units.size()) continue;
      next_[node] = first_[base];
      first_[base] = node;
    }
  }
  [[nodiscard]] std::uint32_t first(std::uint32_t base) const { return first_[base]; }
  [[nodiscard]] std::uint32_t next(std::uint32_t node) const { return next_[node]; }

 private:
  std::vector<std::uint32_t> first_;
  std::vector<std::uint32_t> next_;
};

}  // namespace

Result<CharacterMap> CharacterMap::of_model(std::string_view model, const std::string& where) {
  const auto bytes = map_bytes(model);
  if (!bytes) return malformed(where, "expected a serialized model, found none");
  CharacterMap out;
  if (bytes->empty()) return out;
  std::uint32_t trie_bytes = 0;
  if (bytes->size() > sizeof(trie_bytes)) std::memcpy(&trie_bytes, bytes->data(), sizeof(trie_bytes));
  const auto rest = bytes->substr(std::min(bytes->size(), sizeof(trie_bytes)));
  if (trie_bytes == 0 || trie_bytes % sizeof(std::uint32_t) != 0 || trie_bytes >= rest.size())
    return malformed(where, "expected a character map within its bytes, found another length");
  out.units_.resize(trie_bytes / sizeof(std::uint32_t));
  std::memcpy(out.units_.data(), rest.data(), trie_bytes);
  out.values_ = rest.substr(trie_bytes);
  HOLISAFE_CHECK(out.check(where));
  return out;
}

Result<std::uint32_t> CharacterMap::checked_base(std::uint32_t node, const std::string& where) const {
  const std::uint32_t base = base_of(node, units_[node]);
  if ((base | 0xFFU) >= units_.size())
    return malformed(where, "expected a character map that stays within itself, found a step outside");
  if (node != 0 && has_value(units_[node]) && value_of(units_[base]) >= values_.size())
    return malformed(where, "expected a character map that stays within its texts, found a place outside");
  return base;
}

/// Everything that the library may touch. Nodes may be shared, as long as no way leads back.
Result<void> CharacterMap::check(const std::string& where) const {
  /// What is known of a node: the longest way below it, and the most keys on one.
  struct Below {
    std::uint32_t bytes = 0;
    std::uint32_t keys = 0;
    bool seen = false;
    bool done = false;
  };
  struct Visit {
    std::uint32_t node = 0;
    std::uint32_t child = none;  ///< the next one to look at
  };
  if (values_.back() != '\0')
    return malformed(where, "expected character map texts that end, found one without");
  const Children children(units_);
  std::vector<Below> below(units_.size());
  std::vector<Visit> way;
  const auto enter = [&](std::uint32_t node) -> Result<void> {
    HOLISAFE_TRY(const std::uint32_t base, checked_base(node, where));
    below[node] = {0, node != 0 && has_value(units_[node]) ? 1U : 0U, true, false};
    way.push_back({node, children.first(base)});
    return {};
  };
  HOLISAFE_CHECK(enter(0));
  while (!way.empty()) {
    const auto [node, child] = way.back();
    if (child == none) {
      below[node].done = true;
      way.pop_back();
      continue;
    }
    if (!below[child].seen) {
      HOLISAFE_CHECK(enter(child));
      continue;
    }
    if (!below[child].done) return malformed(where, "expected a character map that ends, found a circle");
    const std::uint32_t own = node != 0 && has_value(units_[node]) ? 1 : 0;
    below[node].bytes = std::max(below[node].bytes, below[child].bytes + 1);
    below[node].keys = std::max(below[node].keys, below[child].keys + own);
    way.back().child = children.next(child);
  }
  if (below[0].bytes <= most_key_bytes && below[0].keys <= most_keys_in_line) return {};
  return malformed(
      where,
      fmt::format("expected character map keys of at most {} bytes, at most {} in line, found {} "
                  "bytes and {}",
                  most_key_bytes, most_keys_in_line, below[0].bytes, below[0].keys),
      ErrorKind::too_large);
}

CharacterMap::Match CharacterMap::longest_match(std::string_view text) const {
  Match out;
  if (units_.empty()) return out;
  std::uint32_t base = base_of(0, units_[0]);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::uint32_t node = base ^ byte;
    const std::uint32_t unit = units_[node];
    if (label_of(unit) != byte) break;
    base = base_of(node, unit);
    if (has_value(unit)) out = {i + 1, value_of(units_[base])};
  }
  return out;
}

std::size_t CharacterMap::normalized_size(std::string_view text, std::size_t most) const {
  std::size_t out = 0;
  const auto count = [&](char c) { out += c == ' ' ? blank_mark_bytes : 1; };
  while (!text.empty() && out <= most) {
    const Match match = longest_match(text);
    if (match.key_bytes > 0) {
      for (std::size_t at = match.place; values_[at] != '\0' && out <= most; ++at) count(values_[at]);
      text.remove_prefix(match.key_bytes);
    } else {
      const std::size_t size = std::min(character_size(text.front()), text.size());
      for (const char c : text.substr(0, size)) count(c);
      text.remove_prefix(size);
    }
  }
  return out;
}

}  // namespace holisafe::tokenizer
