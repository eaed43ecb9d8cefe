// The same over TLS.
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "http/server.h"
#include "http/server_peer.h"

namespace holisafe::http {
namespace {

using std::chrono::milliseconds;
using testing::EndsWith;
using testing::HasSubstr;

/// A folder with a key and a certificate it signed itself, and a client that takes no other.
class Tls {
 public:
  Tls() {
    std::signal(SIGPIPE, SIG_IGN);  // of the client's side
    std::string name = (std::filesystem::temp_directory_path() / "holisafe-tls-XXXXXX").string();
    folder = ::mkdtemp(name.data());
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> other(EVP_EC_gen("P-256"), &EVP_PKEY_free);
    const std::unique_ptr<X509, decltype(&X509_free)> cert(X509_new(), &X509_free);
    X509_set_version(cert.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert.get()), 3600);
    X509_set_pubkey(cert.get(), key.get());
    X509_NAME* subject = X509_get_subject_name(cert.get());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
    X509_set_issuer_name(cert.get(), subject);
    X509_sign(cert.get(), key.get(), EVP_sha256());
    write("cert.pem", [&](BIO* out) { PEM_write_bio_X509(out, cert.get()); });
    write("key.pem",
          [&](BIO* out) { PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
    write("other.pem", [&](BIO* out) {
      PEM_write_bio_PrivateKey(out, other.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
    write("locked.pem", [&](BIO* out) {
      PEM_write_bio_PrivateKey(out, key.get(), EVP_aes_128_cbc(), nullptr, 0, nullptr,
                               const_cast<char*>("secret"));
    });
    client = SSL_CTX_new(TLS_client_method());
    X509_STORE_add_cert(SSL_CTX_get_cert_store(client), cert.get());
    SSL_CTX_set_verify(client, SSL_VERIFY_PEER, nullptr);
  }
  Tls(const Tls&) = delete;
  Tls& operator=(const Tls&) = delete;
  ~Tls() {
    SSL_CTX_free(client);
    std::filesystem::remove_all(folder);
  }

  [[nodiscard]] ServerOptions options(ServerOptions out = {}) const {
    out.tls_cert = folder / "cert.pem";
    out.tls_key = folder / "key.pem";
    return out;
  }

  std::filesystem::path folder;
  SSL_CTX* client = nullptr;

 private:
  template <class Writing>
  void write(const std::string& name, Writing writing) {
    BIO* out = BIO_new_file((folder / name).c_str(), "w");
    writing(out);
    BIO_free(out);
  }
};

TEST(ServerTls, AnswersAndKeepsTheConnection) {
  const Tls tls;
  Serving serving(tls.options());
  Peer peer(serving.server->port(), tls.client);
  ASSERT_TRUE(peer.is_connected());
  EXPECT_GE(SSL_version(peer.tls()), TLS1_2_VERSION);
  EXPECT_EQ(peer.ask(get("/one")).body, "GET /one ");
  const std::string body(1'000'000, 'x');
  EXPECT_EQ(peer.ask(post("/two", body)).body, "POST /two " + body);
  peer.say(get("/three") + get("/four"));
  EXPECT_EQ(peer.hear().body, "GET /three ");
  EXPECT_EQ(peer.hear().body, "GET /four ");
  EXPECT_EQ(peer.ask("bad\r\n\r\n").status, 400);
  EXPECT_EQ(peer.hear_all(), "");
  EXPECT_NE(SSL_get_shutdown(peer.tls()) & SSL_RECEIVED_SHUTDOWN, 0);
}

TEST(ServerTls, TurnsAwayALongBody) {
  const Tls tls;
  Serving serving(tls.options({.max_body_bytes = 1000}));
  Peer peer(serving.server->port(), tls.client);
  EXPECT_TRUE(peer.say(post("/", std::string(4'000'000, 'x'))));
  EXPECT_EQ(peer.hear().status, 413);
}

TEST(ServerTls, StreamsAndShowsAMissingEnd) {
  const Tls tls;
  Serving serving(tls.options());
  for (const bool ends : {true, false}) {
    serving.handler.on_handle = [&](const ServerRequest&, const SharedExchange& exchange) {
      exchange->begin(200, {});
      exchange->send("piece");
      ends ? exchange->finish() : exchange->abort();
    };
    Peer peer(serving.server->port(), tls.client);
    peer.say(get("/", "Connection: close\r\n"));
    EXPECT_THAT(peer.hear_all(), EndsWith(ends ? "\r\n5\r\npiece\r\n0\r\n\r\n" : "\r\n5\r\npiece\r\n"));
    EXPECT_EQ((SSL_get_shutdown(peer.tls()) & SSL_RECEIVED_SHUTDOWN) != 0, ends);
  }
}

TEST(ServerTls, TellsOfAClientThatGoesAway) {
  const Tls tls;
  Serving serving(tls.options());
  Left<SharedExchange> waiting;
  serving.handler.on_handle = [&](const ServerRequest&, SharedExchange exchange) {
    waiting.put(std::move(exchange));
  };
  for (const bool says_so : {true, false}) {
    Peer peer(serving.server->port(), tls.client);
    peer.say(get("/"));
    const SharedExchange exchange = waiting.take();
    exchange->begin(200, {});
    exchange->send("x");
    peer.hear_to("x\r\n");
    std::atomic<bool> told{false};
    exchange->when_gone([&] { told = true; });
    if (says_so) SSL_shutdown(peer.tls());
    peer.leave();
    EXPECT_TRUE(comes_true([&] { return told.load(); }));
  }
  EXPECT_TRUE(comes_true([&] { return serving.server->connections() == 0; }));
}

TEST(ServerTls, HoldsBackAndCuts) {
  const Tls tls;
  Serving serving(tls.options({.write_timeout = milliseconds(300)}));
  Left<SharedExchange> waiting;
  serving.handler.on_handle = [&](const ServerRequest&, SharedExchange exchange) {
    waiting.put(std::move(exchange));
  };
  Peer peer(serving.server->port(), tls.client, 65'536);
  peer.say(get("/"));
  const SharedExchange exchange = waiting.take();
  exchange->begin(200, {});
  exchange->send(std::string(16'000'000, 'x'));
  EXPECT_GT(exchange->unsent(), 0);
  EXPECT_TRUE(comes_true([&] { return exchange->gone(); }));
  EXPECT_TRUE(comes_true([&] { return exchange->unsent() == 0; }));
  EXPECT_EQ(serving.server->connections(), 0);
}

TEST(ServerTls, TakesNoOldAndNoPlainClient) {
  const Tls tls;
  Serving serving(tls.options({.read_timeout = milliseconds(500)}));
  SSL_CTX_set_security_level(tls.client, 0);
  SSL_CTX_set_max_proto_version(tls.client, TLS1_1_VERSION);
  EXPECT_FALSE(Peer(serving.server->port(), tls.client).is_connected());
  SSL_CTX_set_max_proto_version(tls.client, TLS1_2_VERSION);
  EXPECT_EQ(Peer(serving.server->port(), tls.client).ask(get("/")).status, 200);
  Peer plain(serving.server->port());
  EXPECT_EQ(plain.ask(get("/")).status, 0);
  Peer silent(serving.server->port());  // its handshake has the time of a request
  EXPECT_EQ(silent.hear_all(), "");
  EXPECT_EQ(serving.handler.handled, 1);
}

TEST(ServerTls, TellsTheOneTooMany) {
  const Tls tls;
  Serving serving(tls.options({.max_connections = 1}));
  Peer peer(serving.server->port(), tls.client);
  EXPECT_EQ(peer.ask(get("/")).status, 200);
  Peer extra(serving.server->port(), tls.client);
  EXPECT_EQ(extra.hear().status, 503);
  EXPECT_EQ(peer.ask(get("/")).status, 200);
}

TEST(ServerTls, NamesTheFileThatIsWrong) {
  const Tls tls;
  ToldHandler handler;
  std::ofstream(tls.folder / "no.pem") << "no PEM\n";
  const auto error = [&](const std::string& cert, const std::string& key) {
    ServerOptions options{.port = 0};
    if (!cert.empty()) options.tls_cert = tls.folder / cert;
    if (!key.empty()) options.tls_key = tls.folder / key;
    auto server = Server::listen(options, handler);
    return server ? Error{} : server.error();
  };
  EXPECT_EQ(error("cert.pem", "key.pem").what, "");
  EXPECT_EQ(error("cert.pem", "").kind, ErrorKind::usage);
  EXPECT_EQ(error("", "key.pem").kind, ErrorKind::usage);
  EXPECT_EQ(error("none.pem", "key.pem").kind, ErrorKind::not_found);
  EXPECT_THAT(error("none.pem", "key.pem").message(), HasSubstr("none.pem"));
  EXPECT_THAT(error("cert.pem", "none.pem").message(), HasSubstr("none.pem"));
  for (const std::string cert : {"no.pem", "key.pem"}) {
    EXPECT_EQ(error(cert, "key.pem").kind, ErrorKind::malformed);
    EXPECT_THAT(error(cert, "key.pem").message(), HasSubstr(cert + ": expected certificates in PEM"));
  }
  for (const std::string key : {"no.pem", "cert.pem", "locked.pem"}) {
    EXPECT_EQ(error("cert.pem", key).kind, ErrorKind::malformed);
    EXPECT_THAT(error("cert.pem", key).message(), HasSubstr(key + ": expected a private key in PEM"));
  }
  EXPECT_THAT(error("cert.pem", "other.pem").message(), HasSubstr("other.pem: expected the key of "));
}

}  // namespace
}  // namespace holisafe::http
