// `data build`: from sources of images to pairs in all five combinations.
//
// The same command goes on where the last one ended. What is asked of a pair depends on its own replies
// alone, so the files of a build do not show what happened on the way.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "ask/ask.h"
#include "ask/endpoint.h"
#include "base/progress.h"
#include "base/result.h"
#include "chat/local_model.h"
#include "construction/asker_spec.h"
#include "construction/import.h"
#include "construction/plan.h"

namespace holisafe::construction {

/// How endpoints are asked: the same for all.
struct AskSettings {
  http::ClientOptions client;
  ask::Json request = ask::Json::object();  ///< members of every request
  std::string key_header;                   ///< empty: the provider's own
  ask::Parameters parameters;               ///< known to be needed
  /// The key of a provider. May be empty: none is sent.
  std::function<Result<http::Secret>(const ask::Provider&)> key;
  bool batch = false;
  ask::BatchOptions batches;
  /// Opens a checkpoint with a guard; needed by guard:DIR.
  chat::OpenModel open_guard;
};

struct BuildSettings {
  std::filesystem::path folder;  ///< WORK
  ImportSettings import;
  PlanSettings plan;
  std::vector<AskerSpec> writers;  ///< in order of preference
  std::optional<AskerSpec> checker;
  std::vector<AskerSpec> labellers;
  bool checks = true;  ///< false: without a checker
  bool answers = true;
  unsigned rewrites = 2;
  std::string language;  ///< code; empty: any
  AskSettings ask;
  std::string version;  ///< of the program, for the report
  /// Called with what the user should know. May be empty.
  std::function<void(const std::string&)> warn;
};

/// Whoever shows how far a build is: a step's name ("label", "pairs") gives its progress, or nullptr.
using StepProgress = std::function<std::unique_ptr<Progress>(const std::string& step)>;

struct BuildEnd {
  std::uint64_t pairs = 0;
  std::uint64_t ready = 0;
  std::uint64_t failed = 0;   ///< pairs that nothing sound came back for
  std::uint64_t planned = 0;  ///< pairs that were not asked to their end: an asking that was stopped
  std::uint64_t unlabelled =
      0;                ///< images whose labels failed so; no pair is planned before they are settled
  std::string failure;  ///< the first of these failures, in full; may be empty
  bool interrupted = false;
  std::optional<Error> stopped;  ///< why nobody would answer any more
  std::vector<CellCount> cells;
  ask::Json summary;  ///< what summary.json holds; null where the import was interrupted
};

/// A subcategory and combination with fewer ready pairs than asked for.
struct ShortCell {
  std::size_t subcategory = 0;
  taxonomy::Combination type = taxonomy::Combination::SSS;
  std::uint64_t ready = 0;
};
/// Of the cells for which pairs were planned.
std::vector<ShortCell> short_cells(const std::vector<CellCount>& cells, std::uint64_t fewest);

/// What is wrong with the settings alone. Errors: usage.
Result<void> check_build(const BuildSettings& settings);
/// What is imported, with all that another command must not differ in.
ImportSettings import_settings(const BuildSettings& settings);
/// Whether somebody writes where somebody must, once all is imported. Errors: usage.
Result<void> check_writers(const BuildSettings& settings, const Work& work);

/// Imports, labels, plans, asks, and writes the files and the page of WORK, whatever became of the asking.
/// Errors: usage (no checker and no word that none is wanted, no writer where pairs are to be written, an
/// unknown language, two askers of one name); those of import_sources(), plan_pairs(), Work, of opening
/// askers and of writing files; mismatch (another seed, other types, another number of pairs per type).
Result<BuildEnd> build(const BuildSettings& settings, const StepProgress& progress, const StopFlag& stop);

/// What a build from nothing would take at least: no rewriting, nothing answered anew. Tokens are estimates:
/// a text token is about 4 bytes of English, an image counts as one of usual size; of output, at most. Of an
/// image without a label the pairs are counted that it can have at most.
struct BuildCost {
  std::uint64_t images = 0;  ///< that are to have pairs
  std::uint64_t pairs = 0;
  std::uint64_t label = 0;
  std::uint64_t write = 0;
  std::uint64_t check = 0;  ///< both checks
  std::uint64_t answer = 0;
  std::uint64_t input_tokens = 0;
  std::uint64_t output_tokens = 0;
};
/// {"images","pairs","calls":{"label","write","check","answer"},"input_tokens","output_tokens"}
nlohmann::ordered_json to_json(const BuildCost& cost);

/// Imports, compares and plans in memory; asks nothing and writes nothing. Errors: those of build().
Result<BuildCost> build_cost(const BuildSettings& settings, Progress* progress, const StopFlag& stop);

}  // namespace holisafe::construction
