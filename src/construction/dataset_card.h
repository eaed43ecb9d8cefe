// README.md and DATASHEET.md of an export: what the data are, how they were made, and what they are not for.
// Front matter as the Hugging Face Hub reads it; the questions of the datasheet are those of Gebru et al.,
// "Datasheets for Datasets" (2021).
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "construction/export_counts.h"
#include "construction/export_formats.h"

namespace holisafe::construction {

struct CardFacts {
  std::string name;                     ///< empty: a plain one
  std::string license;                  ///< empty: those of the pictures
  std::string language;                 ///< code; empty: was not asked for
  std::string created;                  ///< when the build began
  std::string version;                  ///< of the program
  std::string split_share, split_seed;  ///< as they were asked for
  const ExportFormat* format = nullptr;
  ExportCounts counts;
  nlohmann::ordered_json build;                                 ///< summary() of the build
  std::vector<std::pair<std::string, std::uint64_t>> declines;  ///< writer, pairs that it declined
};

/// A dataset card: front matter in YAML, then Markdown. The same facts give the same bytes.
std::string dataset_card(const CardFacts& facts);
std::string datasheet(const CardFacts& facts);

/// "n<1K", "1K<n<10K", …
std::string size_category(std::uint64_t pairs);

}  // namespace holisafe::construction
