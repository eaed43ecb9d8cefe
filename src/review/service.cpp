#include "review/service.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <new>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/json_line.h"
#include "http/fault_json.h"
#include "http/origin.h"
#include "http/token.h"
#include "review/page.h"

namespace holisafe::review {
namespace {

constexpr std::string_view token_header = "x-holisafe-token";
constexpr std::string_view token_parameter = "token";

enum class Route { page, about, decisions, picture, list, nothing };
struct Target {
  Route route = Route::nothing;
  std::string_view name;  ///< of a list; the id of a picture
};

Target target_of(std::string_view path) {
  constexpr std::string_view api = "/api/";
  constexpr std::string_view pictures = "images/";
  if (path == "/") return {Route::page, {}};
  if (!path.starts_with(api)) return {};
  path.remove_prefix(api.size());
  if (path == "about") return {Route::about, {}};
  if (path == "decisions") return {Route::decisions, {}};
  if (path.starts_with(pictures)) return {Route::picture, path.substr(pictures.size())};
  return {Route::list, path};
}

std::string_view method_of(Route route) { return route == Route::decisions ? "POST" : "GET"; }

http::ServerResponse json_response(int status, std::string body) {
  return {status,
          {{"content-type", "application/json"},
           {"cache-control", "no-store"},
           {"x-content-type-options", "nosniff"}},
          std::move(body)};
}

http::ServerResponse refuse(int status, std::string_view code, std::string_view message,
                            const std::optional<std::string>& param = {}) {
  return json_response(status, http::fault_json(status, code, message, param));
}

http::ServerResponse response_to(const Fault& fault) {
  const Error& error = fault.error;
  switch (fault.kind) {
    case Fault::Kind::unusable:
      if (error.where.empty()) return refuse(400, name(error.kind), error.detail);
      return refuse(400, name(error.kind), fmt::format("{}: {}", error.where, error.detail), error.where);
    case Fault::Kind::unknown:
      return refuse(404, name(error.kind), error.message());
    case Fault::Kind::failed:
      break;
  }
  return refuse(500, name(error.kind), error.message());
}

/// The parameters less the token. Faults: unusable (what no query holds, one that stands twice).
Answer<http::Query> parameters_of(const http::ServerRequest& request) {
  auto read = http::read_query(request.query);
  if (!read) return unusable(ErrorKind::malformed, "query", "expected parameters in UTF-8, encoded by %");
  http::Query out;
  for (auto& [name, value] : *read) {
    if (name == token_parameter) continue;
    const auto same = [&wanted = name](const auto& other) { return other.first == wanted; };
    if (std::any_of(out.begin(), out.end(), same))
      return unusable(ErrorKind::duplicate, name, "expected it once");
    out.emplace_back(std::move(name), std::move(value));
  }
  return out;
}

Answer<std::int64_t> picture_id(std::string_view text) {
  std::int64_t out = 0;
  const auto [read, fault] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (fault != std::errc() || read != text.data() + text.size() || out < 0)
    return unknown("no such picture", one_line(text));
  return out;
}

}  // namespace

http::ServerOptions server_options(std::uint16_t port) {
  http::ServerOptions out;
  out.host = "127.0.0.1";
  out.port = port;
  out.max_body_bytes = std::uint64_t{1} << 20;
  out.max_connections = 64;
  return out;
}

Service::Service(Source& source, const std::string& token) : source_(source), token_(sha256(token)) {}

Service::~Service() = default;

void Service::finish() { worker_.stop(); }

/// Looks at all that was given: none of it may be wrong.
bool Service::has_token(const http::ServerRequest& head) const {
  std::vector<std::string> given;
  if (head.count(token_header) > 0) given.emplace_back(head.header(token_header).value_or(""));
  for (auto& [name, value] : http::read_query(head.query).value_or(http::Query())) {
    if (name == token_parameter) given.push_back(std::move(value));
  }
  bool right = !given.empty();
  for (const auto& token : given) right = http::is_same(sha256(token), token_) && right;
  return right;
}

std::optional<http::ServerResponse> Service::accept(const http::ServerRequest& head) {
  const auto host = head.header("host");
  if (!host || !http::is_loopback_name(http::host_name(*host)))
    return refuse(403, "forbidden_host", "the Host header must name this machine's loopback address");
  if (!http::is_from_own_page(head))
    return refuse(403, "forbidden_origin", "pages of this origin may not ask");
  if (!has_token(head))
    return refuse(403, "invalid_token",
                  "expected the token of this review, as `token=` or as X-Holisafe-Token; the address that "
                  "`holisafe data review` printed has it");
  const Target target = target_of(head.path);
  if (target.route == Route::nothing) return refuse(404, "not_found", "there is nothing at this path");
  const std::string_view method = method_of(target.route);
  if (head.method == method) return std::nullopt;
  auto out = refuse(405, "method_not_allowed", fmt::format("this path takes {} alone", method));
  out.headers.emplace_back("allow", method);
  return out;
}

void Service::handle(http::ServerRequest request, std::shared_ptr<http::Exchange> exchange) {
  if (target_of(request.path).route == Route::page) return exchange->respond(page());
  worker_.post([this, request = std::move(request), exchange = std::move(exchange)] {
    try {
      exchange->respond(answer(request));
    } catch (const std::exception&) {  // an allocation that failed
      exchange->respond(refuse(500, "internal", "the request could not be handled"));
    }
  });
}

/// On the worker.
http::ServerResponse Service::answer(const http::ServerRequest& request) {
  auto out = ask(request);
  return out ? *std::move(out) : response_to(out.error());
}

Answer<http::ServerResponse> Service::ask(const http::ServerRequest& request) {
  const Target target = target_of(request.path);
  if (target.route == Route::picture) {
    HOLISAFE_TRY(const auto id, picture_id(target.name));
    HOLISAFE_TRY(auto picture, source_.picture(id));
    // No picture is left behind in a browser's cache.
    return http::ServerResponse{200,
                                {{"content-type", std::move(picture.mime_type)},
                                 {"cache-control", "no-store"},
                                 {"x-content-type-options", "nosniff"},
                                 {"content-security-policy", "default-src 'none'; sandbox"}},
                                std::move(picture.bytes)};
  }
  if (target.route == Route::decisions) {
    HOLISAFE_TRY(const auto row, source_.decide(request.body));
    return json_response(200, json_line(row));
  }
  if (target.route == Route::about) {
    HOLISAFE_TRY(const auto about, source_.about());
    return json_response(200, json_line(about));
  }
  HOLISAFE_TRY(const auto parameters, parameters_of(request));
  HOLISAFE_TRY(const auto rows, source_.rows(target.name, parameters));
  return json_response(200, json_line(rows));
}

http::ServerResponse Service::fault(http::ServerFault fault, const http::ServerRequest& /*head*/) {
  switch (fault) {
    case http::ServerFault::malformed:
      return refuse(400, "invalid_request", "this is no proper HTTP request");
    case http::ServerFault::head_too_large:
      return refuse(431, "header_too_large", "the request's head is too large");
    case http::ServerFault::body_too_large:
      return refuse(413, "request_too_large", "the request's body is too large");
    case http::ServerFault::read_timeout:
      return refuse(408, "request_timeout", "the request did not come in time");
    case http::ServerFault::too_many_connections:
    case http::ServerFault::no_room:
      break;
  }
  return refuse(503, "overloaded", "too much at once; try again later");
}

}  // namespace holisafe::review
