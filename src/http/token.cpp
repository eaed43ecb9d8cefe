#include "http/token.h"

#include <array>
#include <cerrno>
#include <string_view>

#include <sys/random.h>

namespace holisafe::http {
namespace {

/// Bytes nobody can guess, from the system.
std::array<unsigned char, 64> random_bytes() {
  std::array<unsigned char, 64> out{};
  std::size_t filled = 0;
  while (filled < out.size()) {
    const auto got = ::getrandom(out.data() + filled, out.size() - filled, 0);
    if (got > 0) filled += static_cast<std::size_t>(got);
    if (got < 0 && errno != EINTR) break;
  }
  return out;
}

}  // namespace

std::string random_token(std::size_t characters) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  constexpr std::size_t even = 256 / alphabet.size() * alphabet.size();  // above it some would be likelier
  std::string out;
  while (out.size() < characters) {
    for (const unsigned char byte : random_bytes()) {
      if (byte < even && out.size() < characters) out += alphabet[byte % alphabet.size()];
    }
  }
  return out;
}

bool is_same(const Digest& one, const Digest& other) {
  unsigned differ = 0;
  for (std::size_t i = 0; i < one.size(); ++i) differ |= std::to_integer<unsigned>(one[i] ^ other[i]);
  return differ == 0;
}

}  // namespace holisafe::http
