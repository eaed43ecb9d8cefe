// The client for model endpoints: many requests under way on one thread, failed ones tried again.
//
//   Client client(options);
//   client.submit({.url = url, .body = body}, [](Outcome outcome) { … });
//   while (client.pending() > 0) client.poll(milliseconds(100));
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/faults.h"
#include "base/result.h"
#include "http/retry.h"
#include "http/secret.h"

namespace holisafe::http {

struct Response {
  long status = 0;  ///< 0: no response came
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};  ///< names in lower case, in their order

  /// The value of the last header of this name (in lower case); empty where there is none.
  [[nodiscard]] std::string header(std::string_view name) const;
};

struct Request {
  std::string method = "POST";
  std::string url;
  std::vector<std::string> headers = {};  ///< "Name: value"; the key is added by the client
  std::string body = {};
  /// Looks at a 2xx response; an error makes it a bad one, which is tried again. May be empty.
  std::function<Result<void>(const Response&)> check = {};
  /// Whether a response that would be tried again is the last word all the same. May be empty.
  std::function<bool(const Response&)> is_final = {};
  std::uint64_t max_body = 0;  ///< of its response; 0: as the client's options say
};

/// How a request ended: a good response, or an error with the last response that came. No error text holds
/// the key.
///   unauthorized  401, 403: never tried again
///   refused       another 4xx, or a redirection that is not followed: never tried again
///   too_large     a body over the limit: never tried again
///   network, timeout, malformed, truncated, too_large (header fields)   after all tries
struct Outcome {
  std::optional<Error> error;
  Response response;
  unsigned tries = 0;
  bool unreachable = false;  ///< no connection: unknown host, refused, or a certificate that is not trusted
};

struct ClientOptions {
  std::size_t concurrency = 8;
  unsigned max_retries = 5;                          ///< so many tries and one
  milliseconds time_limit{120'000};                  ///< of one try, from connecting to the last byte
  std::uint64_t max_body = std::uint64_t{64} << 20;  ///< decoded
  std::uint64_t max_header_bytes = 300'000;          ///< of a try: header fields, trailers, interim responses
  std::size_t requests_per_minute = 0;               ///< 0: no bound
  milliseconds backoff{250};
  milliseconds longest_backoff{30'000};
  milliseconds longest_retry_after{600'000};  ///< a server that asks for more is given up
  std::uint64_t seed = 0;                     ///< of the jitter
  std::string user_agent = "holisafe";
  std::string key_header = "Authorization: Bearer ";  ///< what stands before the key
  /// Certificates of authorities to trust, PEM; empty: of SSL_CERT_FILE, else CURL_CA_BUNDLE, else the
  /// system's.
  std::string ca_file;
};

/// Sends, waits, tries again. 429, 5xx, 408, resets, time-outs and bodies that are cut short or fail a
/// request's check are tried again after a backoff with jitter, or after what the server asks for
/// (asked_wait()); other 4xx are not. Where nothing was ever heard from a server, one that cannot be reached
/// is tried twice, one whose certificate is not trusted once. 307 and 308 are followed on the same host and
/// port; with other redirections the error holds the address. Bodies may be gzip or deflate. No request is
/// sent that was not submitted. One thread at a time.
class Client {
 public:
  using Done = std::function<void(Outcome)>;

  Client(ClientOptions options, Secret key);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Takes a request; `done` is called once from within poll(), unless the request is dropped. `done` may
  /// submit.
  void submit(Request request, Done done);
  /// Whether another request would not have to wait for one under way.
  [[nodiscard]] bool has_room() const;
  /// Submitted and not done, those waiting to be tried again included.
  [[nodiscard]] std::size_t pending() const;
  /// Sends what is due, waits up to `longest` for something to happen, and calls `done` for what ended.
  void poll(milliseconds longest);

  /// Drops what is not under way, and tries nothing again from now on.
  void finish_only();
  /// Drops everything.
  void drop_all();

  [[nodiscard]] const Faults& faults() const;
  [[nodiscard]] std::size_t limit() const;
  [[nodiscard]] const Secret& key() const;

 private:
  class Transfers;
  std::unique_ptr<Transfers> transfers_;
};

}  // namespace holisafe::http
