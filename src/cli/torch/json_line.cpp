#include "cli/torch/json_line.h"

#include <nlohmann/json.hpp>

namespace holisafe::cli {

std::string json_line(const nlohmann::ordered_json& document) {
  return document.dump(-1, ' ', /*ensure_ascii=*/false, nlohmann::ordered_json::error_handler_t::replace) +
         "\n";
}

}  // namespace holisafe::cli
