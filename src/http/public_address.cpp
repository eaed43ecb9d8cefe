#include "http/public_address.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include <netinet/in.h>

namespace holisafe::http {
namespace {

/// All addresses that begin with the first `bits` of `start`.
struct Block4 {
  std::uint32_t start;
  int bits;
};
// IANA's registry of special addresses, with multicast and what is reserved.
constexpr std::array<Block4, 15> special4{{{0x00000000, 8},
                                           {0x0A000000, 8},
                                           {0x64400000, 10},
                                           {0x7F000000, 8},
                                           {0xA9FE0000, 16},
                                           {0xAC100000, 12},
                                           {0xC0000000, 24},
                                           {0xC0000200, 24},
                                           {0xC0586300, 24},
                                           {0xC0A80000, 16},
                                           {0xC6120000, 15},
                                           {0xC6336400, 24},
                                           {0xCB007100, 24},
                                           {0xE0000000, 4},
                                           {0xF0000000, 4}}};

bool is_public4(std::uint32_t address) {
  return std::none_of(special4.begin(), special4.end(),
                      [&](const Block4& block) { return (address ^ block.start) >> (32 - block.bits) == 0; });
}

/// The first 32 bits tell: only 2000::/3 is given out, less 2001::/23 (Teredo and others), 2001:db8::/32,
/// 2002::/16 (6to4) and 3fff::/20.
bool is_public6(std::uint32_t high) {
  return high >> 29 == 1 && high >> 9 != 0x20010000U >> 9 && high != 0x20010DB8U && high >> 16 != 0x2002 &&
         high >> 12 != 0x3FFF0;
}

template <class Address>
Address as(const sockaddr& address) {
  Address out{};
  std::memcpy(&out, &address, sizeof(out));
  return out;
}

std::uint32_t first_word(const in6_addr& address) {
  std::uint32_t out = 0;
  for (std::size_t i = 0; i < 4; ++i) out = out << 8 | address.s6_addr[i];
  return out;
}

}  // namespace

bool is_public(const sockaddr& address) {
  if (address.sa_family == AF_INET) return is_public4(ntohl(as<sockaddr_in>(address).sin_addr.s_addr));
  return address.sa_family == AF_INET6 && is_public6(first_word(as<sockaddr_in6>(address).sin6_addr));
}

bool is_loopback(const sockaddr& address) {
  if (address.sa_family == AF_INET) return ntohl(as<sockaddr_in>(address).sin_addr.s_addr) >> 24 == 127;
  if (address.sa_family != AF_INET6) return false;
  const auto found = as<sockaddr_in6>(address).sin6_addr;
  return std::memcmp(&found, &in6addr_loopback, sizeof(found)) == 0;
}

}  // namespace holisafe::http
