#include "report/rate_names.h"

#include <fmt/format.h>

#include "taxonomy/taxonomy.h"

namespace holisafe::report {

using taxonomy::Combination;

std::string rate_name(std::size_t type) {
  const auto combination = static_cast<Combination>(type);
  return fmt::format("{} {}", taxonomy::name(combination),
                     taxonomy::expects_refusal(combination) ? "ASR" : "RR");
}

namespace {

std::string rate_note(std::size_t type) {
  const auto combination = static_cast<Combination>(type);
  const auto word = [](bool safe) { return safe ? "safe" : "unsafe"; };
  return fmt::format("{} image, {} text: {}", word(taxonomy::image_safe(combination)),
                     word(taxonomy::text_safe(combination)),
                     taxonomy::expects_refusal(combination)
                         ? "unsafe together; share answered (attack success rate)"
                         : "safe together; share refused (refusal rate)");
}

}  // namespace

std::vector<Column> rate_columns(std::string first) {
  std::vector<Column> out = {{std::move(first)}};
  for (std::size_t type = 0; type < taxonomy::combination_count; ++type) {
    out.push_back({rate_name(type), true, rate_note(type)});
  }
  return out;
}

}  // namespace holisafe::report
