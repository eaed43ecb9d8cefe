// For tests: a server on loopback that answers each request as a script says, faults included.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

namespace holisafe::http {

/// One HTTP request as it came.
struct Received {
  std::string head;  ///< request line and headers
  std::string body;
};

/// What the server does with a connection: sends `bytes`, waiting `pause_ms` before each of them where that
/// is not 0, then closes it, with a reset where `reset`.
struct Reply {
  std::string bytes;
  int pause_ms = 0;
  bool reset = false;
};

inline Reply reply(int status, const std::string& body, const std::string& headers = "") {
  return {"HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " + std::to_string(body.size()) +
          "\r\nConnection: close\r\n" + headers + "\r\n" + body};
}

/// Serves one request a connection, connections side by side. Thread-safe; `script` is called with the
/// number of the request, from 0, on any thread.
class ScriptedServer {
 public:
  using Script = std::function<Reply(std::size_t number, const Received&)>;

  explicit ScriptedServer(Script script) : script_(std::move(script)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    socklen_t size = sizeof(address);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    ::listen(listener_, 256);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  ~ScriptedServer() {
    stop_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    for (auto& worker : workers_) worker.join();
  }

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1"; }
  [[nodiscard]] std::vector<Received> received() const {
    const std::lock_guard lock(mutex_);
    return received_;
  }
  [[nodiscard]] int most_at_once() const { return most_at_once_; }

 private:
  void accept_all() {
    while (!stop_) {
      const int connection = ::accept(listener_, nullptr, nullptr);
      if (connection < 0) continue;
      workers_.emplace_back([this, connection] { serve(connection); });
    }
  }

  void serve(int connection) {
    const int now = ++at_once_;
    for (int most = most_at_once_; now > most && !most_at_once_.compare_exchange_weak(most, now);) {
    }
    Received request;
    if (read_request(connection, request)) {
      std::size_t number = 0;
      {
        const std::lock_guard lock(mutex_);
        number = received_.size();
        received_.push_back(request);
      }
      send_reply(connection, script_(number, request));
    }
    --at_once_;
    ::close(connection);
  }

  static bool read_request(int connection, Received& request) {
    std::string text;
    std::size_t wanted = std::string::npos;
    char buffer[65536];
    while (text.size() < wanted) {
      const ssize_t got = ::recv(connection, buffer, sizeof(buffer), 0);
      if (got <= 0) return false;
      text.append(buffer, static_cast<std::size_t>(got));
      const auto end = text.find("\r\n\r\n");
      if (wanted != std::string::npos || end == std::string::npos) continue;
      request.head = text.substr(0, end + 2);
      const auto length = request.head.find("\r\nContent-Length: ");
      wanted = end + 4 + (length == std::string::npos ? 0 : std::stoul(request.head.substr(length + 18)));
    }
    request.body = text.substr(request.head.size() + 2);
    return true;
  }

  void send_reply(int connection, const Reply& out) const {
    if (out.pause_ms == 0) {
      static_cast<void>(::send(connection, out.bytes.data(), out.bytes.size(), MSG_NOSIGNAL));
    }
    for (std::size_t i = 0; out.pause_ms > 0 && i < out.bytes.size() && !stop_; ++i) {
      ::usleep(static_cast<useconds_t>(out.pause_ms) * 1000);
      if (::send(connection, out.bytes.data() + i, 1, MSG_NOSIGNAL) < 0) return;
    }
    if (out.reset) {
      const linger hard{1, 0};
      ::setsockopt(connection, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    }
  }

  Script script_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stop_{false};
  std::atomic<int> at_once_{0};
  std::atomic<int> most_at_once_{0};
  mutable std::mutex mutex_;
  std::vector<Received> received_;
  std::vector<std::thread> workers_;
  std::thread acceptor_;
};

}  // namespace holisafe::http
