// What a connection of the server goes over: TCP, plain or with TLS. Needs Asio; included by the server's own
// files alone.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "base/result.h"
#include "http/server.h"

namespace holisafe::http {

namespace asio = boost::asio;

/// One connected socket. At most one read and one write at a time; their memory must stay until they are
/// done.
class ServerWire {
 public:
  using Done = std::function<void(const boost::system::error_code&)>;
  using Moved = std::function<void(const boost::system::error_code&, std::size_t bytes)>;

  ServerWire() = default;
  ServerWire(const ServerWire&) = delete;
  ServerWire& operator=(const ServerWire&) = delete;
  virtual ~ServerWire() = default;

  virtual void open(Done done) = 0;  ///< TLS: shakes hands
  virtual void read(asio::mutable_buffer into, Moved done) = 0;
  virtual void write(const std::vector<asio::const_buffer>& from, Moved done) = 0;
  virtual void say_end(Done done) = 0;  ///< TLS: tells that the end is meant, and hears the same, or not
  virtual asio::ip::tcp::socket& socket() = 0;
};

std::unique_ptr<ServerWire> plain_wire(asio::ip::tcp::socket socket);
std::unique_ptr<ServerWire> tls_wire(asio::ip::tcp::socket socket, asio::ssl::context& context);

/// TLS 1.2 and later with the certificate chain and the key of these PEM files. Errors: not_found,
/// not_a_file, permission, io, malformed; each names its file.
Result<std::unique_ptr<asio::ssl::context>> tls_context(const ServerOptions& options);

}  // namespace holisafe::http
