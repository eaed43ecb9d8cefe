#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "fuzz/input_folder.h"
#include "moderation/move_log.h"

// The input is a list of moves: nothing that is read of it leads out of its folder.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace moderation = holisafe::moderation;
  static const holisafe::InputFolder folder("move_log_fuzz");
  const std::string input(reinterpret_cast<const char*>(data), size);
  const std::filesystem::path file = folder.write("moves.jsonl", input);
  const auto log = moderation::MoveLog::open(file.parent_path());
  if (!log) return 0;
  const auto beneath = [](const std::string& path) {
    const auto normal = std::filesystem::path(path).lexically_normal();
    if (normal.is_absolute() || normal.empty() || *normal.begin() == "..") std::abort();
  };
  static_cast<void>(log->for_each([&](const moderation::MoveRecord& record) -> holisafe::Result<void> {
    if (const auto* move = std::get_if<moderation::Move>(&record)) {
      beneath(move->to);
      if (!move->from.starts_with('/')) std::abort();
    }
    if (const auto* failed = std::get_if<moderation::NotDone>(&record)) beneath(failed->to);
    return {};
  }));
  return 0;
}
