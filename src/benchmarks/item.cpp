#include "benchmarks/item.h"

namespace holisafe::benchmarks {

std::string_view Item::group(std::string_view name) const {
  for (const auto& [group, value] : groups) {
    if (group == name) return value;
  }
  return {};
}

std::vector<std::string> Item::images() const {
  std::vector<std::string> out;
  for (const chat::Part& part : parts) {
    if (const auto* image = std::get_if<chat::Image>(&part)) out.push_back(image->file.string());
  }
  return out;
}

}  // namespace holisafe::benchmarks
