#include "runs/responder.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace holisafe::runs {
namespace {

/// Names of an identity that differ between the sets that one model is run over.
constexpr std::array<std::string_view, 8> of_the_set = {"benchmark", "data",           "split",       "limit",
                                                        "shard",     "max-new-tokens", "temperature", "seed"};

constexpr std::string_view imported_files = "files";  ///< what only the identity of imported answers has

}  // namespace

Result<Responder> responder_of(const Run& run) {
  const store::RunStore& store = *run.parts.front();
  HOLISAFE_TRY(auto identity, store.identity("run"));
  Responder out{run_name(identity), {}, store.folder().string()};
  std::sort(identity.begin(), identity.end());
  for (const auto& [name, value] : identity) {
    if (name == imported_files) {
      out.asked.clear();
      break;
    }
    // What an older run did not remember is as if it had been left empty.
    if (value.empty() || std::find(of_the_set.begin(), of_the_set.end(), name) != of_the_set.end()) continue;
    out.asked += fmt::format("{}={}\n", name, value);
  }
  return out;
}

std::string place_of(const Responder& responder) {
  auto path = std::filesystem::path(responder.folder).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  return path.parent_path().string();
}

}  // namespace holisafe::runs
