#include "base/error.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace holisafe {
namespace {

/// Bytes of a message: a line of the program has at most 600, "holisafe: error: " and its end among them.
constexpr std::size_t longest_message = 580;

/// `text` with its middle left out, in whole characters, where it has more than `most` bytes.
std::string shortened(std::string text, std::size_t most) {
  constexpr std::string_view gap = " … ";
  if (text.size() <= most) return text;
  const auto inside = [&text](std::size_t at) { return at < text.size() && continues_character(text[at]); };
  std::size_t head = (most - gap.size()) * 2 / 3;
  std::size_t tail = text.size() - (most - gap.size() - head);
  while (head > 0 && inside(head)) --head;
  while (inside(tail)) ++tail;
  return text.substr(0, head).append(gap).append(text, tail);
}

}  // namespace

std::string_view name(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::not_found:
      return "not_found";
    case ErrorKind::not_a_file:
      return "not_a_file";
    case ErrorKind::permission:
      return "permission";
    case ErrorKind::io:
      return "io";
    case ErrorKind::out_of_space:
      return "out_of_space";
    case ErrorKind::outside_root:
      return "outside_root";
    case ErrorKind::too_large:
      return "too_large";
    case ErrorKind::interrupted:
      return "interrupted";
    case ErrorKind::busy:
      return "busy";
    case ErrorKind::cancelled:
      return "cancelled";
    case ErrorKind::malformed:
      return "malformed";
    case ErrorKind::truncated:
      return "truncated";
    case ErrorKind::invalid_utf8:
      return "invalid_utf8";
    case ErrorKind::duplicate:
      return "duplicate";
    case ErrorKind::missing:
      return "missing";
    case ErrorKind::unexpected:
      return "unexpected";
    case ErrorKind::wrong_type:
      return "wrong_type";
    case ErrorKind::out_of_range:
      return "out_of_range";
    case ErrorKind::overflow:
      return "overflow";
    case ErrorKind::overlap:
      return "overlap";
    case ErrorKind::hole:
      return "hole";
    case ErrorKind::mismatch:
      return "mismatch";
    case ErrorKind::unsupported:
      return "unsupported";
    case ErrorKind::network:
      return "network";
    case ErrorKind::timeout:
      return "timeout";
    case ErrorKind::unauthorized:
      return "unauthorized";
    case ErrorKind::refused:
      return "refused";
    case ErrorKind::usage:
      return "usage";
    case ErrorKind::out_of_memory:
      return "out_of_memory";
    case ErrorKind::not_finite:
      return "not_finite";
    case ErrorKind::internal:
      return "internal";
  }
  return "internal";
}

std::string one_line(std::string_view text) {
  std::string out;
  const std::string shown = visible(text);
  out.reserve(shown.size());
  for (const char c : shown) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else {
      out += c;
    }
  }
  return out;
}

std::string excerpt(std::string_view text, std::size_t most) {
  std::size_t end = std::min(most, text.size());
  while (end > 0 && end < text.size() && continues_character(text[end])) --end;
  return one_line(text.substr(0, end)) + (end < text.size() ? "…" : "");
}

std::string Error::message() const {
  constexpr std::string_view between = ": ";
  std::array<std::string, 3> parts{one_line(what), one_line(where), one_line(detail)};
  std::size_t room = longest_message - (parts.size() - 1) * between.size();
  // The shortest first: what it leaves, the others may take.
  std::array<std::string*, 3> by_size{&parts[0], &parts[1], &parts[2]};
  std::sort(by_size.begin(), by_size.end(),
            [](const std::string* a, const std::string* b) { return a->size() < b->size(); });
  for (std::size_t i = 0; i < by_size.size(); ++i) {
    *by_size[i] = shortened(std::move(*by_size[i]), room / (by_size.size() - i));
    room -= by_size[i]->size();
  }
  std::string out;
  for (const std::string& part : parts) {
    if (part.empty()) continue;
    if (!out.empty()) out += between;
    out += part;
  }
  return out;
}

}  // namespace holisafe
