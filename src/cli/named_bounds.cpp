#include "cli/named_bounds.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace holisafe::cli {
namespace {

std::optional<std::pair<std::string, double>> parse(const std::string& text) {
  const std::size_t equals = text.rfind('=');
  if (equals == std::string::npos || equals == 0) return std::nullopt;
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, code] = std::from_chars(text.data() + equals + 1, end, value);
  if (code != std::errc() || rest != end || !(value >= 0 && value <= 1)) return std::nullopt;
  return std::pair(text.substr(0, equals), value);
}

}  // namespace

void add_named_bounds(CLI::App* command, std::vector<std::string>& bounds, const std::string& what) {
  command->add_option("--fail", bounds, what)
      ->type_name("NAME=FRACTION")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->check([](const std::string& text) {
        return parse(text)
                   ? std::string()
                   : fmt::format("expected NAME=FRACTION with a fraction from 0 to 1, found {}", text);
      });
}

std::pair<std::string, double> named_bound(const std::string& text) {
  return parse(text).value_or(std::pair(text, 0.0));
}

}  // namespace holisafe::cli
