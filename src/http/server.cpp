#include "http/server.h"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>

#include <netdb.h>
#include <sys/socket.h>

#include "http/server_connection.h"

namespace holisafe::http {
namespace {

using boost::system::error_code;
using std::chrono::milliseconds;
using Tcp = asio::ip::tcp;

constexpr std::size_t most_turned_away = 64;  ///< connections over the limit that are told so at a time
constexpr milliseconds accept_pause{100};     ///< when the system has no descriptor or memory left
constexpr int send_buffer = 256 << 10;  ///< of the system, a connection: the rest waits where it is counted

std::string place_of(const ServerOptions& options) {
  const bool brackets = options.host.find(':') != std::string::npos;
  return (brackets ? "[" + options.host + "]" : options.host) + ":" + std::to_string(options.port);
}

/// Where to listen, IPv4 before IPv6: what a name means to most clients.
Result<std::vector<Tcp::endpoint>> places_of(const ServerOptions& options) {
  const auto failed = [&](const char* found) {
    return fail(ErrorKind::usage, "cannot listen", place_of(options),
                "expected an address or a name of this machine, found " + std::string(found));
  };
  if (options.host.empty()) return failed("nothing");
  if (options.host.find('\0') != std::string::npos) return failed("a NUL");
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failure =
      ::getaddrinfo(options.host.c_str(), std::to_string(options.port).c_str(), &hints, &found);
  if (failure != 0) return failed(::gai_strerror(failure));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  std::vector<Tcp::endpoint> out;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    if (each->ai_family != AF_INET && each->ai_family != AF_INET6) continue;
    Tcp::endpoint place;
    std::memcpy(place.data(), each->ai_addr, each->ai_addrlen);
    place.resize(each->ai_addrlen);
    out.push_back(place);
  }
  if (out.empty()) return failed("none of IPv4 or IPv6");
  std::stable_partition(out.begin(), out.end(),
                        [](const Tcp::endpoint& place) { return place.address().is_v4(); });
  return out;
}

ErrorKind kind_of_listening(const error_code& ec) {
  switch (ec.value()) {
    case EADDRINUSE:
      return ErrorKind::busy;
    case EACCES:
    case EPERM:
      return ErrorKind::permission;
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case EINVAL:
      return ErrorKind::usage;
    default:
      return ErrorKind::io;
  }
}

error_code open_at(Tcp::acceptor& acceptor, const Tcp::endpoint& place) {
  error_code ec;
  acceptor.open(place.protocol(), ec);
  if (!ec) acceptor.set_option(Tcp::acceptor::reuse_address(true), ec);
  if (!ec && place.protocol() == Tcp::v6()) acceptor.set_option(asio::ip::v6_only(false), ec);
  if (!ec) acceptor.bind(place, ec);
  if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
  if (ec) {
    error_code ignored;
    acceptor.close(ignored);
  }
  return ec;
}

bool is_shortage(const error_code& ec) {
  return ec.value() == EMFILE || ec.value() == ENFILE || ec.value() == ENOBUFS || ec.value() == ENOMEM;
}

class AsioServer final : public Server {
 public:
  AsioServer(ServerOptions options, Handler& handler, std::unique_ptr<asio::ssl::context> tls)
      : host_{std::move(options), handler, std::make_shared<ServerLoop>()},
        tls_(std::move(tls)),
        acceptor_(host_.loop->io()),
        pause_(host_.loop->io()),
        work_(host_.loop->io().get_executor()) {}
  ~AsioServer() override { AsioServer::close(); }

  Result<void> open() {
    HOLISAFE_TRY(const auto places, places_of(host_.options));
    error_code ec;
    for (const Tcp::endpoint& place : places) {
      ec = open_at(acceptor_, place);
      if (!ec) break;
    }
    if (ec) return fail(kind_of_listening(ec), "cannot listen", place_of(host_.options), ec.message());
    port_ = acceptor_.local_endpoint(ec).port();
    if (ec) return fail(ErrorKind::io, "cannot listen", place_of(host_.options), ec.message());
    return {};
  }

  Result<void> start() {
    // Signals are for the program's own thread.
    sigset_t all{};
    sigset_t before{};
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    bool is_started = true;
    try {
      accept_next();
      thread_ = std::thread([this] { host_.loop->run(); });
    } catch (const std::exception&) {
      is_started = false;
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (!is_started) return fail(ErrorKind::io, "cannot start the server's thread", place_of(host_.options));
    return {};
  }

  [[nodiscard]] std::uint16_t port() const override { return port_; }
  [[nodiscard]] std::size_t connections() const override { return host_.open; }
  [[nodiscard]] std::size_t under_way() const override { return host_.under_way; }

  void end_kept_connections() override {
    host_.ends_kept = true;
    host_.loop->post([this] {
      const auto all = host_.connections;
      for (const auto& each : all) each->end_if_idle();
    });
  }

  void close() override {
    const std::lock_guard lock(closing_);
    if (!thread_.joinable()) return;
    host_.loop->post([this] { end_all(); });
    thread_.join();
  }

 private:
  void end_all() {
    work_.reset();
    is_closed_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    const auto all = host_.connections;
    for (const auto& each : all) each->cut();
  }

  void accept_next() {
    acceptor_.async_accept([this](const error_code& ec, Tcp::socket socket) {
      if (is_closed_) return;
      if (ec) return accept_later(is_shortage(ec) ? accept_pause : milliseconds(1));
      try {
        serve(std::move(socket));
      } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): no memory for it
      }
      accept_next();
    });
  }

  /// A fault of accepting ends nothing, and is not asked for again at once.
  void accept_later(milliseconds wait) {
    pause_.expires_after(wait);
    pause_.async_wait([this](const error_code&) {
      if (!is_closed_) accept_next();
    });
  }

  void serve(Tcp::socket socket) {
    const std::size_t most = host_.options.max_connections;
    const std::size_t open = host_.connections.size();
    if (open >= most && open - most >= most_turned_away) return;
    error_code ignored;
    socket.set_option(Tcp::no_delay(true), ignored);
    socket.set_option(asio::socket_base::send_buffer_size(send_buffer), ignored);
    auto wire = tls_ ? tls_wire(std::move(socket), *tls_) : plain_wire(std::move(socket));
    const auto connection = std::make_shared<ServerConnection>(host_, std::move(wire));
    host_.connections.insert(connection);
    host_.open = host_.connections.size();
    try {
      connection->start(open >= most);
    } catch (...) {
      connection->cut();
      throw;
    }
  }

  ServerHost host_;
  std::unique_ptr<asio::ssl::context> tls_;
  Tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::uint16_t port_ = 0;
  bool is_closed_ = false;
  std::mutex closing_;
  std::thread thread_;
};

}  // namespace

std::size_t ServerRequest::count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::count_if(headers.begin(), headers.end(), [&](const auto& each) { return each.first == name; }));
}

std::optional<std::string_view> ServerRequest::header(std::string_view name) const {
  std::optional<std::string_view> out;
  for (const auto& [each, value] : headers) {
    if (each != name) continue;
    if (out) return std::nullopt;
    out = value;
  }
  return out;
}

Result<std::unique_ptr<Server>> Server::listen(ServerOptions options, Handler& handler) {
  if (options.tls_cert.empty() != options.tls_key.empty()) {
    return fail(ErrorKind::usage, "cannot listen", place_of(options),
                options.tls_key.empty() ? "expected a TLS key with the certificate, found none"
                                        : "expected a TLS certificate with the key, found none");
  }
  std::unique_ptr<asio::ssl::context> tls;
  if (!options.tls_cert.empty()) {
    HOLISAFE_TRY(tls, tls_context(options));
  }
  std::unique_ptr<AsioServer> server;
  try {
    server = std::make_unique<AsioServer>(std::move(options), handler, std::move(tls));
  } catch (const std::exception& error) {  // no descriptor for epoll
    return fail(ErrorKind::io, "cannot listen", {}, error.what());
  }
  HOLISAFE_CHECK(server->open());
  HOLISAFE_CHECK(server->start());
  return server;
}

}  // namespace holisafe::http
