#include "train/meeting_socket.h"

#include <cerrno>
#include <cstring>
#include <memory>

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

namespace holisafe::train {
namespace {

/// Gives errno, 0 if all is well.
int bind_and_listen(int socket, const addrinfo& place) {
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(socket, place.ai_addr, place.ai_addrlen) != 0) return errno;
  return ::listen(socket, SOMAXCONN) == 0 ? 0 : errno;
}

std::string reason(int error_number) {
  if (error_number == EADDRNOTAVAIL)
    return "expected an address of the machine that rank 0 runs on, by which the others reach it";
  return std::strerror(error_number);
}

}  // namespace

Result<int> listen_at(const std::string& address, int port) {
  const auto refuse = [&](std::string why) {
    return fail(ErrorKind::network, "cannot listen for the other processes",
                fmt::format("MASTER_ADDR {}, MASTER_PORT {}", address, port), std::move(why));
  };
  addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &wanted, &found))
    return refuse(::gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> places(found, &::freeaddrinfo);
  int last_error = EADDRNOTAVAIL;
  for (const addrinfo* place = places.get(); place != nullptr; place = place->ai_next) {
    const int socket = ::socket(place->ai_family, place->ai_socktype | SOCK_CLOEXEC, place->ai_protocol);
    last_error = socket < 0 ? errno : bind_and_listen(socket, *place);
    if (last_error == 0) return socket;
    if (socket >= 0) ::close(socket);
  }
  return refuse(reason(last_error));
}

}  // namespace holisafe::train
