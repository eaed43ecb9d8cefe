#include "http/fault_json.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/json_line.h"

namespace holisafe::http {
namespace {

std::string_view type_of(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 408:
    case 504:
      return "timeout_error";
    default:
      return status < 500 ? "invalid_request_error" : "server_error";
  }
}

}  // namespace

std::string fault_json(int status, std::string_view code, std::string_view message,
                       const std::optional<std::string>& param) {
  nlohmann::ordered_json error = {
      {"message", message}, {"type", type_of(status)}, {"param", nullptr}, {"code", code}};
  if (param) error["param"] = *param;
  return json_line({{"error", std::move(error)}});
}

}  // namespace holisafe::http
