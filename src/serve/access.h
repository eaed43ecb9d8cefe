// Who may ask what: paths, methods, Host, Origin, keys. Looks at a request's head alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "http/server.h"
#include "serve/fault.h"

namespace holisafe::serve {

/// The closed list of paths; nothing else is answered.
enum class Endpoint { page, health, metrics, models, chat, moderations, guardrail, other };
/// Its path; "other" of none. What metrics call it.
std::string_view name(Endpoint endpoint);
Endpoint endpoint_of(std::string_view path);

struct AccessOptions {
  std::vector<std::string> keys;  ///< empty: none is needed
  bool loopback = true;           ///< the service listens on a loopback address alone
  std::vector<std::string> allowed_hosts;
  std::vector<std::string> allowed_origins;
};

/// Who asks, as far as the head says.
struct Caller {
  Endpoint endpoint = Endpoint::other;
  std::string id;                  ///< X-Request-Id: the client's where it is a sound one
  std::optional<std::size_t> key;  ///< which, from 1
  /// Of every answer: X-Request-Id, and where the origin is an allowed one what browsers ask for.
  http::Headers headers;
};

/// Thread-safe.
class Access {
 public:
  explicit Access(const AccessOptions& options);

  [[nodiscard]] Caller caller(const http::ServerRequest& head) const;
  /// Why it is turned away: not_found, forbidden_host, forbidden_origin, method_not_allowed, invalid_api_key,
  /// unsupported_media_type, in this order.
  [[nodiscard]] std::optional<Fault> refusal(const http::ServerRequest& head, const Caller& caller) const;
  /// The answer to a browser that asks first, of an allowed origin.
  [[nodiscard]] std::optional<http::ServerResponse> preflight(const http::ServerRequest& head,
                                                              const Caller& caller) const;

 private:
  [[nodiscard]] bool host_allowed(const http::ServerRequest& head) const;
  [[nodiscard]] bool origin_allowed(const http::ServerRequest& head) const;
  [[nodiscard]] std::optional<std::size_t> key_of(const http::ServerRequest& head) const;

  std::vector<Digest> keys_;  ///< hashed: comparing takes as long for every key
  bool loopback_;
  std::set<std::string> hosts_;
  std::set<std::string> origins_;
};

}  // namespace holisafe::serve
