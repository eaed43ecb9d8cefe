// A stored row's groups as the taxonomy's words.
#pragma once

#include "store/run_store.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::runs {

inline taxonomy::Combination type_of(const store::Sample& sample) {
  return taxonomy::parse_combination(sample.group("type")).value_or(taxonomy::Combination::SSS);
}

/// Guard class 1-19; 0: unknown.
inline std::uint8_t subcategory_of(const store::Sample& sample) {
  return static_cast<std::uint8_t>(taxonomy::parse_class(sample.group("subcategory")).value_or(0));
}

}  // namespace holisafe::runs
