#include <cstdint>
#include <cstdlib>
#include <string>

#include "fuzz/input_folder.h"
#include "moderation/decisions.h"
#include "taxonomy/taxonomy.h"

// The input is a file of decisions: what is read of it has a class or none, and settles on one content at
// most once.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace moderation = holisafe::moderation;
  static const holisafe::InputFolder folder("decisions_fuzz");
  const std::string input(reinterpret_cast<const char*>(data), size);
  auto decisions = moderation::Decisions::read(folder.write("decisions.jsonl", input));
  if (!decisions) return 0;
  const auto paths = decisions->unsettled();
  for (const auto& [path, decision] : paths) {
    if (path.empty() || (decision.label && *decision.label >= holisafe::taxonomy::class_count)) std::abort();
    const auto content = holisafe::sha256(path);
    if (decisions->settle(path, content) && decisions->on(content) == nullptr) std::abort();
  }
  if (!decisions->unsettled().empty()) std::abort();
  return 0;
}
