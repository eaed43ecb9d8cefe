#include "runs/responder.h"

#include <array>

#include <fmt/format.h>

namespace holisafe::runs {

std::span<const ResponderKind> responder_kinds() {
  static const std::array kinds = {model_responder, endpoint_responder};
  return kinds;
}

Result<const ResponderKind*> chosen_responder(const ResponderSettings& settings) {
  const ResponderKind* out = nullptr;
  std::string flags;
  std::size_t count = 0;
  for (const auto& kind : responder_kinds()) {
    flags += fmt::format("{}{}", flags.empty() ? "" : " or ", kind.flag);
    if (!kind.chosen(settings)) continue;
    out = &kind;
    ++count;
  }
  if (count == 1) return out;
  return fail(ErrorKind::usage, "who answers?", "",
              fmt::format("expected {}, found {}", flags, count == 0 ? "none" : "several"));
}

}  // namespace holisafe::runs
