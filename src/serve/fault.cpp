#include "serve/fault.h"

#include <array>
#include <cstddef>
#include <string>

#include "http/fault_json.h"

namespace holisafe::serve {
namespace {

struct Row {
  std::string_view name;
  int status;
};

/// By Code.
constexpr std::array rows = {
    Row{"invalid_json", 400},
    Row{"duplicate_key", 400},
    Row{"invalid_type", 400},
    Row{"invalid_value", 400},
    Row{"missing_required_parameter", 400},
    Row{"unsupported_parameter", 400},
    Row{"unsupported_content", 400},
    Row{"invalid_image", 400},
    Row{"image_too_large", 400},
    Row{"too_many_images", 400},
    Row{"image_url_not_allowed", 400},
    Row{"no_image", 400},
    Row{"context_length_exceeded", 400},
    Row{"invalid_request", 400},
    Row{"invalid_api_key", 401},
    Row{"forbidden_host", 403},
    Row{"forbidden_origin", 403},
    Row{"not_found", 404},
    Row{"model_not_found", 404},
    Row{"method_not_allowed", 405},
    Row{"request_timeout", 408},
    Row{"request_too_large", 413},
    Row{"unsupported_media_type", 415},
    Row{"header_too_large", 431},
    Row{"internal_error", 500},
    Row{"upstream_unreachable", 502},
    Row{"upstream_error", 502},
    Row{"overloaded", 503},
    Row{"loading", 503},
    Row{"draining", 503},
    Row{"guard_failed", 503},
    Row{"upstream_timeout", 504},
};
static_assert(rows.size() == static_cast<std::size_t>(Code::upstream_timeout) + 1);

const Row& row_of(Code code) { return rows[static_cast<std::size_t>(code)]; }

}  // namespace

std::string_view name(Code code) { return row_of(code).name; }
int status_of(Code code) { return row_of(code).status; }

std::string to_json(const Fault& fault) {
  return http::fault_json(status_of(fault.code), name(fault.code), fault.message, fault.param);
}

http::ServerResponse to_response(const Fault& fault) {
  constexpr unsigned soon = 1;  // seconds
  http::ServerResponse out;
  out.status = status_of(fault.code);
  out.headers.emplace_back("content-type", "application/json");
  if (fault.retry_after || out.status == 503)
    out.headers.emplace_back("retry-after", std::to_string(fault.retry_after.value_or(soon)));
  if (!fault.allow.empty()) out.headers.emplace_back("allow", fault.allow);
  out.body = to_json(fault);
  return out;
}

}  // namespace holisafe::serve
