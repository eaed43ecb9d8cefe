#include "tokenizer/added_tokens.h"

#include <algorithm>

namespace holisafe::tokenizer {

void AddedTokenFinder::add(const AddedToken* token) {
  std::uint32_t node = 0;
  for (const char c : token->pattern) {
    const auto found = nodes_[node].next.find(c);
    if (found != nodes_[node].next.end()) {
      node = found->second;
      continue;
    }
    const auto added = static_cast<std::uint32_t>(nodes_.size());
    nodes_[node].next.emplace(c, added);
    nodes_.emplace_back();
    node = added;
  }
  if (node != 0) nodes_[node].token = token;
}

std::vector<const AddedToken*> AddedTokenFinder::at(std::string_view text, std::size_t at) const {
  std::vector<const AddedToken*> out;
  std::uint32_t node = 0;
  for (; at < text.size(); ++at) {
    const auto found = nodes_[node].next.find(text[at]);
    if (found == nodes_[node].next.end()) break;
    node = found->second;
    if (nodes_[node].token != nullptr) out.push_back(nodes_[node].token);
  }
  std::reverse(out.begin(), out.end());
  return out;
}

}  // namespace holisafe::tokenizer
