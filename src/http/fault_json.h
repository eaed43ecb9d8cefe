// How a server says what is wrong with a request: OpenAI's shape, which clients know.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace holisafe::http {

/// `{"error": {"message", "type", "param", "code"}}` as a line: `type` is invalid_request_error (other 4xx),
/// authentication_error (401), permission_error (403), timeout_error (408, 504), server_error (other 5xx);
/// `param` null where no member is at fault.
std::string fault_json(int status, std::string_view code, std::string_view message,
                       const std::optional<std::string>& param);

}  // namespace holisafe::http
