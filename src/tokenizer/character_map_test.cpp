// What a model's own normalizer makes of a text, and maps that would lead the library astray.
#include "tokenizer/character_map.h"

#include <cstring>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holisafe::tokenizer {
namespace {

using testing::HasSubstr;

/// A double array of keys that share no beginning but the empty one, or are each other's beginning.
class Trie {
 public:
  Trie() : units_(256, unused) { grow(0, 1); }

  void add(const std::string& key, std::uint32_t place) {
    std::uint32_t node = 0;
    for (const char c : key) {
      const auto byte = static_cast<unsigned char>(c);
      const std::uint32_t child = (node ^ (units_[node] >> 10U)) ^ byte;
      if (units_[child] == unused) grow(child, static_cast<std::uint32_t>(units_.size()) ^ child, byte);
      node = child;
    }
    units_[node] |= 1U << 8U;
    units_[node ^ (units_[node] >> 10U)] = place | (1U << 31U);
  }
  std::vector<std::uint32_t>& units() { return units_; }

  /// A serialized model with nothing but this map.
  [[nodiscard]] std::string model(const std::string& texts) const {
    std::string map(4 + units_.size() * 4, '\0');
    const auto bytes = static_cast<std::uint32_t>(units_.size() * 4);
    std::memcpy(map.data(), &bytes, 4);
    std::memcpy(map.data() + 4, units_.data(), bytes);
    return field(3, field(2, map + texts));
  }

  static std::string field(int number, const std::string& bytes) {
    std::string out(1, static_cast<char>(number << 3 | 2));
    std::size_t size = bytes.size();
    for (; size >= 0x80; size >>= 7U) out += static_cast<char>(size | 0x80U);
    return out + static_cast<char>(size) + bytes;
  }

 private:
  static constexpr std::uint32_t unused = 1U << 31U;  // no byte's label

  /// Gives a node room for its children: a block of its own.
  void grow(std::uint32_t node, std::uint32_t offset, std::uint32_t label = 0) {
    units_[node] = offset << 10U | label;
    const std::uint32_t base = node ^ offset;
    if ((base | 0xFFU) >= units_.size()) units_.resize((base | 0xFFU) + 1, unused);
  }
  std::vector<std::uint32_t> units_;
};

Result<CharacterMap> read(const std::string& model) { return CharacterMap::of_model(model, "model"); }

std::size_t size_of(const std::string& model, std::string_view text) {
  const auto map = read(model);
  EXPECT_TRUE(map) << (map ? "" : map.error().message());
  return map ? map->normalized_size(text, 1'000'000) : 0;
}

TEST(CharacterMap, CountsWhatTextBecomes) {
  Trie trie;
  trie.add("a", 0);
  trie.add("ab", 4);
  trie.add("\xc3\xa4", 6);
  const std::string model = trie.model(std::string("xyz\0q\0w w\0", 10));
  EXPECT_EQ(size_of(model, ""), 0U);
  EXPECT_EQ(size_of(model, "aa"), 6U);
  EXPECT_EQ(size_of(model, "ab"), 1U) << "the longest key";
  EXPECT_EQ(size_of(model, "b\xc3\xa4"), 1U + 5U) << "a blank as its mark";
  EXPECT_EQ(size_of(model, "\xe6\x97\xa5 "), 3U + 3U);
}

TEST(CharacterMap, StopsCountingAboveTheBound) {
  Trie trie;
  trie.add("a", 0);
  const auto map = read(trie.model(std::string(100'000, 'x') + '\0'));
  ASSERT_TRUE(map) << map.error().message();
  EXPECT_EQ(map->normalized_size("aaaa", 1000), 1001U);
  EXPECT_EQ(map->normalized_size("aaaa", 1'000'000), 400'000U);
}

TEST(CharacterMap, AModelWithoutOneChangesNothing) {
  EXPECT_EQ(size_of("", "a b"), 5U);
  EXPECT_EQ(size_of(Trie::field(1, "piece") + Trie::field(3, Trie::field(1, "identity")), "a b"), 5U);
}

TEST(CharacterMap, TheLastOfSeveralCounts) {
  Trie longer;
  longer.add("a", 0);
  const std::string empty_spec = Trie::field(3, Trie::field(1, "x"));
  EXPECT_EQ(
      size_of(longer.model(std::string("xy\0", 3)) + longer.model(std::string("xyz\0", 4)) + empty_spec, "a"),
      3U);
}

TEST(CharacterMap, OneThatLeadsOutsideIsRefused) {
  const std::string texts("xyz\0", 4);
  const auto refused = [&](const std::string& model) {
    const auto map = read(model);
    EXPECT_FALSE(map);
    return map ? std::string() : map.error().message();
  };
  Trie trie;
  trie.add("a", 4);
  EXPECT_THAT(refused(trie.model(texts)), HasSubstr("place outside"));
  trie.add("a", 0);
  EXPECT_THAT(refused(trie.model("xyz")), HasSubstr("without"));
  trie.units()[0] = 1U << 20U;
  EXPECT_THAT(refused(trie.model(texts)), HasSubstr("step outside"));
  Trie circle;
  circle.add("a", 0);
  const std::uint32_t child = 1 ^ 'a';
  circle.units()[child] = ((child ^ 1U) << 10U) | 'a';
  EXPECT_THAT(refused(circle.model(texts)), HasSubstr("circle"));
  EXPECT_THAT(refused(Trie::field(3, Trie::field(2, "abc"))), HasSubstr("another length"));
  EXPECT_THAT(refused(Trie::field(3, Trie::field(2, std::string(4, '\xff') + texts))),
              HasSubstr("another length"));
  EXPECT_THAT(refused("\x1a\x7f"), HasSubstr("serialized model"));
}

TEST(CharacterMap, KeysThatTheLibraryHasNoRoomForAreRefused) {
  Trie line;
  for (std::size_t i = 1; i <= CharacterMap::most_keys_in_line; ++i) line.add(std::string(i, 'a'), 0);
  EXPECT_TRUE(read(line.model(std::string(1, '\0'))));
  line.add(std::string(CharacterMap::most_keys_in_line + 1, 'a'), 0);
  EXPECT_THAT(read(line.model(std::string(1, '\0'))).error().message(), HasSubstr("in line"));
  Trie deep;
  deep.add(std::string(CharacterMap::most_key_bytes, 'a'), 0);
  EXPECT_TRUE(read(deep.model(std::string(1, '\0'))));
  deep.add(std::string(CharacterMap::most_key_bytes + 1, 'a'), 0);
  EXPECT_THAT(read(deep.model(std::string(1, '\0'))).error().message(), HasSubstr("256 bytes"));
}

}  // namespace
}  // namespace holisafe::tokenizer
