// For tests of the server: a client that says any bytes it likes, and a handler that does as it is told.
#pragma once

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/server.h"

namespace holisafe::http {

inline constexpr std::chrono::seconds patience{60};  ///< for what a loaded machine does late, but does

/// Whether it came to be so.
inline bool comes_true(const std::function<bool()>& is_so) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

/// An answer as a client hears it.
struct Heard {
  int status = 0;  ///< 0: none came
  std::string head;
  std::string body;  ///< of a stream in chunks: with them, as they came
  [[nodiscard]] std::string header(const std::string& name) const {
    const auto at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "";
    const auto begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
};

/// A connection to a port of this machine; with a context, by TLS.
class Peer {
 public:
  explicit Peer(std::uint16_t port, SSL_CTX* tls = nullptr, int receive_buffer = 0) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval limit{patience.count(), 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    const int yes = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    if (receive_buffer > 0) {
      ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    if (!connected_ || tls == nullptr) return;
    tls_ = SSL_new(tls);
    SSL_set_fd(tls_, socket_);
    connected_ = SSL_connect(tls_) == 1;
  }
  Peer(Peer&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)),
        tls_(std::exchange(other.tls_, nullptr)),
        connected_(other.connected_),
        was_reset_(other.was_reset_),
        heard_(std::move(other.heard_)) {}
  Peer& operator=(Peer&&) = delete;
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() { leave(); }

  [[nodiscard]] bool is_connected() const { return connected_; }
  [[nodiscard]] bool was_reset() const { return was_reset_; }
  [[nodiscard]] SSL* tls() const { return tls_; }
  [[nodiscard]] int socket() const { return socket_; }

  /// Whether all was taken.
  bool say(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto count = tls_ != nullptr ? SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()))
                                         : ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

  /// What comes up to and with `end`; what came where the connection ended before.
  std::string hear_to(std::string_view end) {
    std::size_t at = 0;
    while ((at = heard_.find(end)) == std::string::npos) {
      if (!hear_more()) return std::exchange(heard_, {});
    }
    return hear_bytes(at + end.size());
  }
  std::string hear_bytes(std::size_t bytes) {
    while (heard_.size() < bytes && hear_more()) {
    }
    std::string out = heard_.substr(0, bytes);
    heard_.erase(0, bytes);
    return out;
  }
  /// All until the connection's end.
  std::string hear_all() {
    while (hear_more()) {
    }
    return std::exchange(heard_, {});
  }
  /// One answer: whole, or to its last chunk, or to the connection's end; to a HEAD without a body.
  Heard hear(bool is_head = false) {
    Heard out;
    out.head = hear_to("\r\n\r\n");
    if (out.head.size() < 12) return out;
    out.status = std::stoi(out.head.substr(9, 3));
    if (is_head || out.status == 204 || out.status == 100) return out;
    const std::string length = out.header("Content-Length");
    if (!length.empty()) {
      out.body = hear_bytes(std::stoul(length));
    } else {
      out.body = out.header("Transfer-Encoding").empty() ? hear_all() : hear_to("0\r\n\r\n");
    }
    return out;
  }
  Heard ask(const std::string& bytes) {
    say(bytes);
    return hear();
  }

  void half_close() { ::shutdown(socket_, SHUT_WR); }
  void leave(bool with_reset = false) {
    if (socket_ < 0) return;
    if (tls_ != nullptr) SSL_free(std::exchange(tls_, nullptr));
    const linger hard{1, 0};
    if (with_reset) ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    ::close(std::exchange(socket_, -1));
  }

 private:
  bool hear_more() {
    std::array<char, 65536> buffer{};
    const auto count = tls_ != nullptr ? SSL_read(tls_, buffer.data(), static_cast<int>(buffer.size()))
                                       : ::recv(socket_, buffer.data(), buffer.size(), 0);
    was_reset_ = was_reset_ || (count < 0 && errno == ECONNRESET);
    if (count <= 0) return false;
    heard_.append(buffer.data(), static_cast<std::size_t>(count));
    return true;
  }

  int socket_ = -1;
  SSL* tls_ = nullptr;
  bool connected_ = false;
  bool was_reset_ = false;
  std::string heard_;
};

inline std::string get(const std::string& target, const std::string& headers = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n";
}
inline std::string post(const std::string& target, const std::string& body, const std::string& headers = "") {
  return "POST " + target + " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n" + headers + "\r\n" + body;
}

using SharedExchange = std::shared_ptr<Exchange>;

/// What is called on one thread and replaced on another.
template <class Call>
class Told {
 public:
  explicit Told(Call call) : call_(std::move(call)) {}
  Told& operator=(Call call) {
    const std::lock_guard lock(mutex_);
    call_ = std::move(call);
    return *this;
  }
  [[nodiscard]] Call now() const {
    const std::lock_guard lock(mutex_);
    return call_;
  }

 private:
  mutable std::mutex mutex_;
  Call call_;
};

/// Echoes where it is told nothing else.
struct ToldHandler final : Handler {
  Told<std::function<std::optional<ServerResponse>(const ServerRequest&)>> on_accept{
      [](const ServerRequest&) { return std::optional<ServerResponse>(); }};
  Told<std::function<void(ServerRequest, SharedExchange)>> on_handle{
      [](const ServerRequest& request, const SharedExchange& exchange) {
        exchange->respond({.body = request.method + ' ' + request.path + ' ' + request.body});
      }};
  std::atomic<int> handled{0};

  std::optional<ServerResponse> accept(const ServerRequest& head) override { return on_accept.now()(head); }
  void handle(ServerRequest request, SharedExchange exchange) override {
    ++handled;
    on_handle.now()(std::move(request), std::move(exchange));
  }
  ServerResponse fault(ServerFault fault, const ServerRequest& head) override {
    const std::array<int, 6> statuses = {400, 431, 413, 408, 503, 503};
    return {.status = statuses.at(static_cast<std::size_t>(fault)), .body = "fault " + head.path};
  }
};

/// A server on any free port, and its handler.
struct Serving {
  ToldHandler handler;
  std::unique_ptr<Server> server;

  explicit Serving(ServerOptions options = {}) {
    options.port = 0;
    server = std::move(*Server::listen(std::move(options), handler));
  }
  [[nodiscard]] Peer peer() const { return Peer(server->port()); }
};

/// What one thread leaves for another.
template <class Value>
class Left {
 public:
  void put(Value value) {
    const std::lock_guard lock(mutex_);
    values_.push_back(std::move(value));
    there_.notify_all();
  }
  /// The next one; a default where none comes.
  Value take() {
    std::unique_lock lock(mutex_);
    if (!there_.wait_for(lock, patience, [&] { return !values_.empty(); })) return {};
    Value out = std::move(values_.front());
    values_.erase(values_.begin());
    return out;
  }

 private:
  std::mutex mutex_;
  std::condition_variable there_;
  std::vector<Value> values_;
};

}  // namespace holisafe::http
