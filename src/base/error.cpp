#include "base/error.h"

#include <fmt/format.h>

namespace holisafe {

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
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

std::string Error::message() const {
  std::string out = one_line(what);
  for (const std::string* part : {&where, &detail}) {
    if (part->empty()) continue;
    if (!out.empty()) out += ": ";
    out += one_line(*part);
  }
  return out;
}

}  // namespace holisafe
