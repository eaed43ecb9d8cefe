#include <algorithm>
#include <array>

#include "guard_formats/formats.h"

namespace holisafe::guard_formats {

std::span<const GuardFormat* const> all() {
  static const std::array<const GuardFormat*, 6> table{
      &llama_guard(), &llavaguard(), &shieldgemma(), &omni_moderation(), &plain(), &holisafe(),
  };
  return table;
}

const GuardFormat* find(std::string_view name) {
  const auto table = all();
  const auto place =
      std::find_if(table.begin(), table.end(), [&](const auto* each) { return each->name == name; });
  return place == table.end() ? nullptr : *place;
}

std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const auto* each : all()) out.emplace_back(each->name);
  return out;
}

}  // namespace holisafe::guard_formats
