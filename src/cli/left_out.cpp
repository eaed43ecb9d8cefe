#include "cli/left_out.h"

#include <string>

#include <fmt/format.h>

#include "base/error.h"
#include "cli/terminal.h"

namespace holisafe::cli {

void say_left_out(std::vector<exports::LeftOut> left_out) {
  while (!left_out.empty()) {
    const std::string why = left_out.front().why;
    std::vector<std::string> names;
    for (const auto& each : left_out) {
      if (each.why == why) names.push_back(one_line(each.name));
    }
    say(fmt::format("holisafe: left out: {}: {}\n", fmt::join(names, ", "), one_line(why)));
    std::erase_if(left_out, [&](const auto& each) { return each.why == why; });
  }
}

}  // namespace holisafe::cli
