#include "http/server_wire.h"

#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <cstring>
#include <string>
#include <utility>

#include "base/file.h"

namespace holisafe::http {
namespace {

using boost::system::error_code;
using Socket = asio::ip::tcp::socket;

constexpr std::uint64_t largest_pem = std::uint64_t{1} << 20;

class PlainWire final : public ServerWire {
 public:
  explicit PlainWire(Socket socket) : socket_(std::move(socket)) {}

  void open(Done done) override {
    asio::post(socket_.get_executor(), [done = std::move(done)] { done({}); });
  }
  void read(asio::mutable_buffer into, Moved done) override {
    socket_.async_read_some(into, std::move(done));
  }
  void write(const std::vector<asio::const_buffer>& from, Moved done) override {
    socket_.async_write_some(from, std::move(done));
  }
  void say_end(Done done) override { open(std::move(done)); }
  Socket& socket() override { return socket_; }

 private:
  Socket socket_;
};

class TlsWire final : public ServerWire {
 public:
  TlsWire(Socket socket, asio::ssl::context& context) : stream_(std::move(socket), context) {}

  void open(Done done) override { stream_.async_handshake(asio::ssl::stream_base::server, std::move(done)); }
  void read(asio::mutable_buffer into, Moved done) override {
    stream_.async_read_some(into, std::move(done));
  }
  void write(const std::vector<asio::const_buffer>& from, Moved done) override {
    stream_.async_write_some(from, std::move(done));
  }
  void say_end(Done done) override { stream_.async_shutdown(std::move(done)); }
  Socket& socket() override { return stream_.next_layer(); }

 private:
  asio::ssl::stream<Socket> stream_;
};

/// A file's text that is wiped: it may be a key.
struct PemText {
  std::string text;
  PemText() = default;
  PemText(const PemText&) = delete;
  PemText& operator=(const PemText&) = delete;
  ~PemText() { explicit_bzero(text.data(), text.size()); }
};

Result<void> read_pem(const std::filesystem::path& path, PemText& out) {
  return read_file(path, out.text, largest_pem);
}

}  // namespace

std::unique_ptr<ServerWire> plain_wire(Socket socket) {
  return std::make_unique<PlainWire>(std::move(socket));
}

std::unique_ptr<ServerWire> tls_wire(Socket socket, asio::ssl::context& context) {
  return std::make_unique<TlsWire>(std::move(socket), context);
}

Result<std::unique_ptr<asio::ssl::context>> tls_context(const ServerOptions& options) {
  PemText cert;
  PemText key;
  HOLISAFE_CHECK(read_pem(options.tls_cert, cert));
  HOLISAFE_CHECK(read_pem(options.tls_key, key));
  auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
  ::SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  ::SSL_CTX_set_options(context->native_handle(), SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  ::SSL_CTX_set_mode(context->native_handle(), SSL_MODE_RELEASE_BUFFERS);
  error_code ec;
  // Without it OpenSSL would ask the terminal for the password of a key that has one.
  context->set_password_callback(
      [](std::size_t, asio::ssl::context::password_purpose) { return std::string(); }, ec);
  context->use_certificate_chain(asio::buffer(cert.text), ec);
  if (ec) {
    return fail(ErrorKind::malformed, "invalid TLS certificate", options.tls_cert.string(),
                "expected certificates in PEM, found none that can be read");
  }
  context->use_private_key(asio::buffer(key.text), asio::ssl::context::pem, ec);
  if (ec) {
    // OpenSSL's two words for a key that can be read and is another's.
    const bool is_other = std::string_view(ec.message()).find("mismatch") != std::string_view::npos;
    return fail(ErrorKind::malformed, "invalid TLS key", options.tls_key.string(),
                is_other ? "expected the key of " + options.tls_cert.string() + ", found another"
                         : "expected a private key in PEM without a password, found none that can be read");
  }
  return context;
}

}  // namespace holisafe::http
