// Bounds on figures by their name: --fail NAME=FRACTION.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
}

namespace holisafe::cli {

/// --fail, which may be given several times; `bounds` must outlive parsing.
void add_named_bounds(CLI::App* command, std::vector<std::string>& bounds, const std::string& what);

/// What a text that passed the flag's check says.
std::pair<std::string, double> named_bound(const std::string& text);

}  // namespace holisafe::cli
