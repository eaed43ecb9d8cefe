#include "tokenizer/bpe.h"

#include <algorithm>
#include <limits>
#include <queue>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "tokenizer/normalizer.h"

namespace holisafe::tokenizer {
namespace {

/// A merge is written "left right" or ["left", "right"].
std::optional<std::pair<std::string_view, std::string_view>> sides_of(simdjson::dom::element json) {
  std::string_view text;
  if (json.get(text) == simdjson::SUCCESS) {
    const auto space = text.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    return std::pair{text.substr(0, space), text.substr(space + 1)};
  }
  simdjson::dom::array sides;
  std::string_view left;
  std::string_view right;
  if (json.get(sides) != simdjson::SUCCESS || sides.size() != 2 ||
      sides.at(0).get(left) != simdjson::SUCCESS || sides.at(1).get(right) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  return std::pair{left, right};
}

}  // namespace

Result<Bpe> Bpe::make(simdjson::dom::element json) {
  constexpr std::string_view where = "model";
  HOLISAFE_TRY(const auto type, member_or<std::string_view>(json, "type", where, "BPE"));
  if (type != "BPE") return not_supported(where, type);
  for (const char* affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    HOLISAFE_TRY(const auto found, member_or<std::string_view>(json, affix, where, ""));
    if (!found.empty()) return not_supported("model", affix);
  }
  Bpe out;
  HOLISAFE_TRY(out.byte_fallback_, member_or<bool>(json, "byte_fallback", where, false));
  HOLISAFE_TRY(out.fuse_unknown_, member_or<bool>(json, "fuse_unk", where, false));
  HOLISAFE_TRY(out.ignore_merges_, member_or<bool>(json, "ignore_merges", where, false));
  HOLISAFE_TRY(const auto vocabulary, member_as<simdjson::dom::object>(json, "vocab", where));
  out.ids_.reserve(vocabulary.size());
  for (const auto entry : vocabulary) {
    std::int64_t id = 0;
    if (entry.value.get(id) != simdjson::SUCCESS || id < 0 || id > std::numeric_limits<std::int32_t>::max()) {
      return fail(ErrorKind::wrong_type, "bad tokenizer.json", "model.vocab." + std::string(entry.key),
                  "expected an id from 0");
    }
    out.ids_.emplace(entry.key, id);
  }
  HOLISAFE_TRY(const auto unknown, member_or<std::string_view>(json, "unk_token", where, ""));
  if (const auto found = out.ids_.find(unknown); !unknown.empty() && found != out.ids_.end()) {
    out.unknown_ = static_cast<std::int32_t>(found->second);
  }
  HOLISAFE_TRY(const auto merges, member(json, "merges", where));
  HOLISAFE_CHECK(out.read_merges(merges));
  for (int byte = 0; out.byte_fallback_ && byte < 256; ++byte) {
    const auto found = out.ids_.find(fmt::format("<0x{:02X}>", byte));
    out.byte_ids_.push_back(found == out.ids_.end() ? -1 : static_cast<std::int32_t>(found->second));
  }
  return out;
}

Result<void> Bpe::read_merges(simdjson::dom::element json) {
  simdjson::dom::array list;
  if (json.get(list) != simdjson::SUCCESS)
    return fail(ErrorKind::wrong_type, "bad tokenizer.json", "model.merges", "expected an array");
  std::uint32_t rank = 0;
  std::string joined;
  for (const auto item : list) {
    const auto sides = sides_of(item);
    const std::string where = fmt::format("model.merges[{}]", rank);
    if (!sides)
      return fail(ErrorKind::wrong_type, "bad tokenizer.json", where,
                  "expected two tokens, found " + simdjson::minify(item));
    joined.assign(sides->first).append(sides->second);
    const auto left = ids_.find(sides->first);
    const auto right = ids_.find(sides->second);
    const auto whole = ids_.find(joined);
    if (left == ids_.end() || right == ids_.end() || whole == ids_.end()) {
      return fail(ErrorKind::out_of_range, "bad tokenizer.json", where,
                  "expected tokens of the vocabulary, found " + simdjson::minify(item));
    }
    merges_.insert_or_assign(
        key(static_cast<std::int32_t>(left->second), static_cast<std::int32_t>(right->second)),
        Merge{rank, static_cast<std::int32_t>(whole->second)});
    ++rank;
  }
  return {};
}

std::vector<Bpe::Symbol> Bpe::symbols(const AlignedText& text) const {
  std::vector<Symbol> out;
  out.reserve(text.text.size());
  const auto push = [&](std::int32_t id, AlignedText::Range origin) {
    const auto at = static_cast<std::int32_t>(out.size());
    out.push_back({id, at - 1, at + 1, origin, true});
  };
  for (std::size_t at = 0; at < text.text.size();) {
    const std::size_t size = character_size(text.text[at]);
    const std::string_view character = std::string_view(text.text).substr(at, size);
    const AlignedText::Range origin{text.origin[at].begin, text.origin[at + size - 1].end};
    at += size;
    if (const auto found = ids_.find(character); found != ids_.end()) {
      push(static_cast<std::int32_t>(found->second), origin);
      continue;
    }
    const bool all_bytes = byte_fallback_ && std::all_of(character.begin(), character.end(), [&](char c) {
                             return byte_ids_[static_cast<unsigned char>(c)] >= 0;
                           });
    if (all_bytes) {
      for (const char c : character) push(byte_ids_[static_cast<unsigned char>(c)], origin);
    } else if (unknown_ && fuse_unknown_ && !out.empty() && out.back().id == *unknown_) {
      out.back().origin.end = origin.end;
    } else if (unknown_) {
      push(*unknown_, origin);
    }
  }
  if (!out.empty()) out.back().next = -1;
  return out;
}

void Bpe::merge(std::vector<Symbol>& symbols) const {
  struct Candidate {
    std::uint32_t rank;
    std::int32_t left;
    std::int32_t left_id;
    std::int32_t right_id;
    std::int32_t id;
    bool operator>(const Candidate& other) const {
      return std::tie(rank, left) > std::tie(other.rank, other.left);
    }
  };
  std::vector<Candidate> initial;
  const auto candidate = [&](std::int32_t left) -> std::optional<Candidate> {
    if (left < 0) return std::nullopt;
    const Symbol& symbol = symbols[static_cast<std::size_t>(left)];
    if (symbol.next < 0) return std::nullopt;
    const Symbol& next = symbols[static_cast<std::size_t>(symbol.next)];
    const auto found = merges_.find(key(symbol.id, next.id));
    if (found == merges_.end()) return std::nullopt;
    return Candidate{found->second.rank, left, symbol.id, next.id, found->second.id};
  };
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    if (const auto found = candidate(static_cast<std::int32_t>(i))) initial.push_back(*found);
  }
  std::priority_queue queue(std::greater<Candidate>{}, std::move(initial));
  while (!queue.empty()) {
    const Candidate best = queue.top();
    queue.pop();
    Symbol& left = symbols[static_cast<std::size_t>(best.left)];
    // Stale: one of the two was merged with another neighbour since.
    if (!left.alive || left.id != best.left_id || left.next < 0 ||
        symbols[static_cast<std::size_t>(left.next)].id != best.right_id)
      continue;
    Symbol& right = symbols[static_cast<std::size_t>(left.next)];
    left.id = best.id;
    left.origin.end = std::max(left.origin.end, right.origin.end);
    left.next = right.next;
    right.alive = false;
    if (right.next >= 0) symbols[static_cast<std::size_t>(right.next)].previous = best.left;
    for (const std::int32_t at : {left.previous, best.left}) {
      if (const auto found = candidate(at)) queue.push(*found);
    }
  }
}

void Bpe::encode(const AlignedText& text, Encoding& out) const {
  if (text.text.empty()) return;
  if (ignore_merges_) {
    if (const auto found = ids_.find(text.text); found != ids_.end()) {
      out.ids.push_back(found->second);
      out.offsets.push_back({text.origin.front().begin, text.origin.back().end});
      return;
    }
  }
  std::vector<Symbol> all = symbols(text);
  merge(all);
  for (const Symbol& symbol : all) {
    if (!symbol.alive) continue;
    out.ids.push_back(symbol.id);
    out.offsets.push_back({symbol.origin.begin, symbol.origin.end});
  }
}

}  // namespace holisafe::tokenizer
