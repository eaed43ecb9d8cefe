// The service's errors: a closed list, each with its status and its form {"error": {message, type, param,
// code}}.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

#include "base/result.h"
#include "http/server.h"

namespace holisafe::serve {

/// The snake_case name is the `code` in JSON.
enum class Code {
  // 400
  invalid_json,
  duplicate_key,
  invalid_type,
  invalid_value,
  missing_required_parameter,
  unsupported_parameter,
  unsupported_content,
  invalid_image,
  image_too_large,
  too_many_images,
  image_url_not_allowed,
  no_image,
  context_length_exceeded,
  invalid_request,
  // 401, 403, 404, 405, 408, 413, 415, 431
  invalid_api_key,
  forbidden_host,
  forbidden_origin,
  not_found,
  model_not_found,
  method_not_allowed,
  request_timeout,
  request_too_large,
  unsupported_media_type,
  header_too_large,
  // 500, 502, 503, 504
  internal_error,
  upstream_unreachable,
  upstream_error,
  overloaded,
  loading,
  draining,
  guard_failed,
  upstream_timeout,
};

std::string_view name(Code code);
int status_of(Code code);

struct Fault {
  Code code = Code::internal_error;
  std::string message;                       ///< no path, address or decoder text
  std::optional<std::string> param;          ///< the member: `messages[0].content[1].image_url.url`
  std::optional<unsigned> retry_after = {};  ///< seconds; 503 always has one (1 where nothing is said)
  std::string allow = {};                    ///< of 405: the header's value
};

template <class T>
using Answer = tl::expected<T, Fault>;

inline tl::unexpected<Fault> refuse(Code code, std::string message, std::optional<std::string> param = {}) {
  return tl::unexpected<Fault>(Fault{code, std::move(message), std::move(param)});
}

/// `{"error": {…}}`: `type` is invalid_request_error (400, 404, 405, 413, 415, 431), authentication_error
/// (401), permission_error (403), timeout_error (408, 504), server_error (5xx).
std::string to_json(const Fault& fault);
/// The whole answer, with Content-Type, Retry-After and Allow.
http::ServerResponse to_response(const Fault& fault);

}  // namespace holisafe::serve
namespace holisafe {

/// So that HOLISAFE_TRY takes an Answer too.
inline tl::unexpected<serve::Fault> fail(serve::Fault fault) {
  return tl::unexpected<serve::Fault>(std::move(fault));
}

}  // namespace holisafe
