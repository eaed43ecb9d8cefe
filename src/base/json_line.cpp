#include "base/json_line.h"

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace holisafe {

std::string json_line(const nlohmann::ordered_json& document) {
  constexpr auto replace = nlohmann::ordered_json::error_handler_t::replace;
  return visible_json(document.dump(-1, ' ', /*ensure_ascii=*/false, replace)) + "\n";
}

}  // namespace holisafe
