// Whether an address belongs to the open internet.
#pragma once

#include <sys/socket.h>

namespace holisafe::http {

/// False for loopback, private, shared (carriers'), link-local, multicast, reserved and documentation's
/// addresses, for those of IPv6 that hold one of IPv4 (mapped, NAT64, 6to4, Teredo), and for other families.
bool is_public(const sockaddr& address);
bool is_loopback(const sockaddr& address);

}  // namespace holisafe::http
