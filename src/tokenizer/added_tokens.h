// Tokens that stand outside the model's vocabulary and are found in text before it is normalized. Internal to
// this layer.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace holisafe::tokenizer {

struct AddedToken {
  std::int64_t id = 0;
  std::string content;
  bool special = false;
  bool normalized = false;  ///< looked for in normalized text
  bool strip_left = false;  ///< takes the white space before it
  bool strip_right = false;
  std::string pattern = {};  ///< what is looked for: the content, normalized where the token is
};

/// Finds the longest token at a position: a trie over bytes.
class AddedTokenFinder {
 public:
  void add(const AddedToken* token);
  /// Tokens whose content begins at `at`, the longest first.
  [[nodiscard]] std::vector<const AddedToken*> at(std::string_view text, std::size_t at) const;
  [[nodiscard]] bool empty() const { return nodes_.size() == 1; }

 private:
  struct Node {
    std::map<char, std::uint32_t> next;
    const AddedToken* token = nullptr;
  };
  std::vector<Node> nodes_{1};
};

}  // namespace holisafe::tokenizer
