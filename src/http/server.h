// The server's part of HTTP/1.1: one thread for all connections, limits on everything that is read, answers
// whole or as a stream.
//
//   struct Hello : http::Handler { … void handle(ServerRequest request, std::shared_ptr<Exchange> exchange) …
//   }; auto server = http::Server::listen({.port = 0}, handler);
//   (*server)->stop_listening(); … (*server)->close();
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace holisafe::http {

using Headers = std::vector<std::pair<std::string, std::string>>;  ///< names in lower case, in their order

/// A request as it came.
struct ServerRequest {
  std::string method;
  std::string path;   ///< of the target, before any `?`, as it was sent
  std::string query;  ///< behind it
  Headers headers;
  std::string body;  ///< empty in accept()
  /// When its first byte came; where none did, when one was first waited for.
  std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now();

  /// The value of the only header of this name (in lower case); nothing where there is none, or more than
  /// one.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;
  [[nodiscard]] std::size_t count(std::string_view name) const;
};

struct ServerResponse {
  int status = 200;
  Headers headers = {};  ///< less Content-Length, Date and Connection, which the server adds
  std::string body = {};
  bool closes = false;  ///< the connection with it
};

/// What the server turns away by itself.
enum class ServerFault {
  malformed,             ///< no HTTP, two lengths, a length and chunks, a NUL in a header …: 400
  head_too_large,        ///< 431
  body_too_large,        ///< 413, also where the length says so before the body came
  read_timeout,          ///< the whole request did not come in time: 408
  too_many_connections,  ///< 503
  no_room,               ///< the bodies that are being read take max_held_bytes: 503
};

/// One request that waits for its answer. All functions are thread-safe and return at once; after the client
/// went away they do nothing.
class Exchange {
 public:
  Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  virtual ~Exchange() = default;  ///< without an answer: the connection is closed

  virtual void respond(ServerResponse response) = 0;
  /// The head goes out now; then pieces of body, as they are (chunked where the client speaks HTTP/1.1).
  virtual void begin(int status, Headers headers) = 0;
  virtual void send(std::string bytes) = 0;
  virtual void finish() = 0;  ///< the stream's proper end
  virtual void abort() = 0;   ///< closes the connection so that the client sees that the end is missing
  /// Bytes given to send() that the client has not taken.
  [[nodiscard]] virtual std::size_t unsent() const = 0;
  /// Called once, on the server's thread, when no more than `bytes` are unsent (at once where that is so), or
  /// the client has gone.
  virtual void when_unsent_at_most(std::size_t bytes, std::function<void()> call) = 0;
  /// Called once, on the server's thread, when the client goes away before the answer's end (at once where it
  /// has). Replaces an earlier one.
  virtual void when_gone(std::function<void()> call) = 0;
  [[nodiscard]] virtual bool gone() const = 0;
};

/// Called on the server's thread; must not block.
class Handler {
 public:
  Handler() = default;
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;
  virtual ~Handler() = default;

  /// A request's head is there, its body is not: an answer turns it away unread.
  virtual std::optional<ServerResponse> accept(const ServerRequest& head) = 0;
  virtual void handle(ServerRequest request, std::shared_ptr<Exchange> exchange) = 0;
  /// The answer to what the server turns away; `head` holds what was read of it, often nothing.
  virtual ServerResponse fault(ServerFault fault, const ServerRequest& head) = 0;
};

struct ServerOptions {
  std::string host = "127.0.0.1";                   ///< an address or a name, IPv6 without brackets
  std::uint16_t port = 8080;                        ///< 0: any free one
  std::chrono::milliseconds read_timeout{30'000};   ///< of a whole request, from its first byte (a new
                                                    ///< connection: from accepting it)
  std::chrono::milliseconds idle_timeout{75'000};   ///< of a kept connection between two requests
  std::chrono::milliseconds write_timeout{60'000};  ///< without the client taking a byte
  std::size_t max_header_bytes = std::size_t{64} << 10;
  std::uint64_t max_body_bytes = std::uint64_t{32} << 20;
  std::uint64_t max_held_bytes = std::uint64_t{1} << 30;  ///< of all bodies that are being read, together
  std::size_t max_connections = 2048;
  std::filesystem::path tls_cert = {};  ///< PEM; empty: plain HTTP
  std::filesystem::path tls_key = {};
};

/// Thread-safe. The handler outlives it.
class Server {
 public:
  /// Listens, and serves on a thread of its own. Errors: usage (host), busy (the port is taken), permission,
  /// not_found and malformed (TLS files), io.
  static Result<std::unique_ptr<Server>> listen(ServerOptions options, Handler& handler);
  virtual ~Server() = default;  ///< as close()
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] virtual std::uint16_t port() const = 0;
  [[nodiscard]] virtual std::size_t connections() const = 0;
  /// Requests whose answers have not gone out.
  [[nodiscard]] virtual std::size_t under_way() const = 0;
  /// Each kept connection ends with its answer from now on; new ones are still taken, so that they can be
  /// told why they are turned away.
  virtual void end_kept_connections() = 0;
  /// Ends all connections and the thread, and waits for it.
  virtual void close() = 0;

 protected:
  Server() = default;
};

}  // namespace holisafe::http
