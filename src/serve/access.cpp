#include "serve/access.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "http/origin.h"
#include "http/token.h"
#include "serve/answer_json.h"

namespace holisafe::serve {
namespace {

struct Path {
  std::string_view path;
  Endpoint endpoint;
  std::string_view method;
  bool open;  ///< without a key
};
constexpr std::array paths{
    Path{"/", Endpoint::page, "GET", true},
    Path{"/health", Endpoint::health, "GET", true},
    Path{"/metrics", Endpoint::metrics, "GET", false},
    Path{"/v1/models", Endpoint::models, "GET", false},
    Path{"/v1/chat/completions", Endpoint::chat, "POST", false},
    Path{"/v1/moderations", Endpoint::moderations, "POST", false},
    Path{"/beta/litellm_basic_guardrail_api", Endpoint::guardrail, "POST", false},
};

const Path* path_of(Endpoint endpoint) {
  const auto found =
      std::find_if(paths.begin(), paths.end(), [=](const Path& path) { return path.endpoint == endpoint; });
  return found == paths.end() ? nullptr : &*found;
}

bool is_sound_id(std::string_view id) {
  const auto sound = [](char c) {
    const char lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), sound);
}

bool is_json(std::string_view type) {
  return ascii_lower(strip(type.substr(0, type.find(';')))) == "application/json";
}

std::set<std::string> lower_names(const std::vector<std::string>& names) {
  std::set<std::string> out;
  for (const auto& name : names) out.insert(ascii_lower(name));
  return out;
}

}  // namespace

std::string_view name(Endpoint endpoint) {
  const Path* path = path_of(endpoint);
  return path == nullptr ? "other" : path->path;
}

Endpoint endpoint_of(std::string_view path) {
  const auto found =
      std::find_if(paths.begin(), paths.end(), [=](const Path& one) { return one.path == path; });
  return found == paths.end() ? Endpoint::other : found->endpoint;
}

Access::Access(const AccessOptions& options)
    : loopback_(options.loopback),
      hosts_(lower_names(options.allowed_hosts)),
      origins_(lower_names(options.allowed_origins)) {
  for (const auto& key : options.keys) keys_.push_back(sha256(key));
}

Caller Access::caller(const http::ServerRequest& head) const {
  Caller out;
  out.endpoint = endpoint_of(head.path);
  const auto id = head.header("x-request-id");
  out.id = id && is_sound_id(*id) ? std::string(*id) : new_id("req-");
  out.key = key_of(head);
  out.headers.emplace_back("x-request-id", out.id);
  const auto origin = head.header("origin");
  if (origin && origins_.contains(ascii_lower(*origin))) {
    out.headers.emplace_back("access-control-allow-origin", *origin);
    out.headers.emplace_back("access-control-expose-headers", "X-Request-Id, X-Holisafe-Action, Retry-After");
    out.headers.emplace_back("vary", "Origin");
  }
  return out;
}

std::optional<Fault> Access::refusal(const http::ServerRequest& head, const Caller& caller) const {
  const Path* path = path_of(caller.endpoint);
  if (path == nullptr) return Fault{Code::not_found, "there is nothing at this path", {}};
  if (loopback_ && !host_allowed(head))
    return Fault{Code::forbidden_host,
                 "the Host header must name this machine's loopback address, or a name given by --allow-host",
                 {}};
  if (!origin_allowed(head))
    return Fault{Code::forbidden_origin, "pages of this origin may not ask; see --allow-origin", {}};
  if (head.method != path->method) {
    Fault fault{Code::method_not_allowed, "this path takes " + std::string(path->method) + " alone", {}};
    fault.allow = path->method;
    return fault;
  }
  if (!path->open && !keys_.empty() && !caller.key)
    return Fault{Code::invalid_api_key,
                 "expected a key of this service, as Authorization: Bearer KEY or as x-api-key",
                 {}};
  if (path->method == "POST" && !is_json(head.header("content-type").value_or("")))
    return Fault{Code::unsupported_media_type, "expected Content-Type: application/json", {}};
  return std::nullopt;
}

std::optional<http::ServerResponse> Access::preflight(const http::ServerRequest& head,
                                                      const Caller& caller) const {
  const Path* path = path_of(caller.endpoint);
  const auto origin = head.header("origin");
  if (path == nullptr || head.method != "OPTIONS" || !origin || !origins_.contains(ascii_lower(*origin)))
    return std::nullopt;
  if (loopback_ && !host_allowed(head)) return std::nullopt;
  http::ServerResponse out{204, caller.headers, {}};
  out.headers.emplace_back("access-control-allow-methods", path->method);
  out.headers.emplace_back("access-control-allow-headers",
                           "Authorization, Content-Type, X-Api-Key, X-Request-Id");
  out.headers.emplace_back("access-control-max-age", "600");
  return out;
}

bool Access::host_allowed(const http::ServerRequest& head) const {
  const auto host = head.header("host");
  if (!host) return false;
  const std::string called = http::host_name(*host);
  return http::is_loopback_name(called) || hosts_.contains(called) || hosts_.contains(ascii_lower(*host));
}

bool Access::origin_allowed(const http::ServerRequest& head) const {
  const auto origin = head.header("origin");
  return (origin && origins_.contains(ascii_lower(*origin))) || http::is_from_own_page(head);
}

/// Looks at every key, whichever fits.
std::optional<std::size_t> Access::key_of(const http::ServerRequest& head) const {
  constexpr std::string_view bearer = "bearer ";
  std::vector<Digest> given;
  const auto authorization = head.header("authorization");
  if (authorization && ascii_lower(authorization->substr(0, bearer.size())) == bearer)
    given.push_back(sha256(strip(authorization->substr(bearer.size()))));
  if (const auto key = head.header("x-api-key")) given.push_back(sha256(*key));
  std::optional<std::size_t> out;
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    for (const Digest& digest : given) {
      if (http::is_same(digest, keys_[i])) out = i + 1;
    }
  }
  return out;
}

}  // namespace holisafe::serve
