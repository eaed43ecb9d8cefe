#include "runs/run_folders.h"

#include <algorithm>
#include <filesystem>

#include "store/run_store.h"

namespace holisafe::runs {
namespace {

namespace fs = std::filesystem;

/// A benchmark's run, or a guard's over a benchmark's images.
bool is_run(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / store::RunStore::file_name, ignored) ||
         fs::exists(folder / store::RunStore::guard_answers_file, ignored);
}

/// Those in a folder, by name.
std::vector<std::string> runs_in(const std::string& folder) {
  std::vector<std::string> out;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (is_run(entry->path())) out.push_back(entry->path().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

std::vector<std::string> run_folders(std::span<const std::string> folders) {
  std::vector<std::string> out;
  for (const std::string& folder : folders) {
    std::vector<std::string> found = is_run(folder) ? std::vector<std::string>() : runs_in(folder);
    if (found.empty()) found.push_back(folder);
    out.insert(out.end(), found.begin(), found.end());
  }
  return out;
}

}  // namespace holisafe::runs
