#include "train/run_folder.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/hash.h"
#include "train/tensor_file.h"

namespace holisafe::train {
namespace {

namespace fs = std::filesystem;
constexpr const char* state_files[] = {"trained.safetensors", "optimizer.safetensors"};

Result<std::string> sum(const fs::path& path) {
  HOLISAFE_TRY(const MappedFile file, MappedFile::open(path));
  return hex(sha256(file.text()));
}

Result<nlohmann::ordered_json> read_json(const fs::path& path) {
  HOLISAFE_TRY(const std::string text, read_file(path, std::uint64_t{1} << 24));
  auto json = nlohmann::ordered_json::parse(text, nullptr, false);
  if (!json.is_object())
    return fail(ErrorKind::malformed, "cannot read", path.string(), "expected a JSON object");
  return json;
}

std::string shown(const nlohmann::ordered_json& object, const std::string& key) {
  return object.contains(key) ? object[key].dump() : "nothing";
}

}  // namespace

Result<void> same_run(const nlohmann::ordered_json& expected, const nlohmann::ordered_json& found) {
  const auto refuse = [](const std::string& where, const std::string& detail) {
    return fail(ErrorKind::mismatch, "cannot resume: the run was started otherwise", where, detail);
  };
  for (const char* key : {"model", "data", "processes"}) {
    if (shown(expected, key) != shown(found, key)) {
      return refuse(key, fmt::format("expected {}, found {}", shown(expected, key), shown(found, key)));
    }
  }
  const auto before = expected.value("flags", nlohmann::ordered_json::object());
  const auto now = found.value("flags", nlohmann::ordered_json::object());
  for (const auto* object : {&before, &now}) {
    for (const auto& [flag, value] : object->items()) {
      if (shown(before, flag) == shown(now, flag)) continue;
      return refuse("--" + flag, fmt::format("expected {}, found {}", shown(before, flag), shown(now, flag)));
    }
  }
  return {};
}

Result<RunFolder> RunFolder::open(const fs::path& path, bool resume, const nlohmann::ordered_json& identity) {
  std::error_code ignored;
  const bool used =
      fs::exists(path, ignored) && !(fs::is_directory(path, ignored) && fs::is_empty(path, ignored));
  if (used && !resume) {
    return fail(ErrorKind::usage, "run folder is in use", path.string(),
                "give --resume to go on, or another --out");
  }
  RunFolder folder(path);
  if (used && fs::exists(path / "run.json", ignored)) {
    HOLISAFE_TRY(const auto before, read_json(path / "run.json"));
    HOLISAFE_CHECK(same_run(before, identity));
    return folder;
  }
  if (used) {
    return fail(ErrorKind::missing, "cannot resume: no training run", (path / "run.json").string(),
                "the folder holds other files; give another --out");
  }
  HOLISAFE_CHECK(make_folders(path));
  HOLISAFE_CHECK(write_file_atomic(path / "run.json", identity.dump(2) + "\n"));
  return folder;
}

std::vector<std::int64_t> RunFolder::steps() const {
  std::vector<std::int64_t> out;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(checkpoints(), ignored)) {
    const std::string name = entry.path().filename().string();
    std::int64_t step = 0;
    if (!name.starts_with("step-")) continue;
    const auto [end, error] = std::from_chars(name.data() + 5, name.data() + name.size(), step);
    if (error == std::errc() && end == name.data() + name.size()) out.push_back(step);
  }
  std::sort(out.rbegin(), out.rend());
  return out;
}

std::optional<RunState> RunFolder::newest(std::vector<std::string>& warnings) const {
  for (const std::int64_t step : steps()) {
    auto state = load(step);
    if (state) return *std::move(state);
    warnings.push_back(fmt::format("checkpoint step-{} is torn, falling back to the one before: {}", step,
                                   state.error().message()));
  }
  return std::nullopt;
}

Result<RunState> RunFolder::load(std::int64_t step) const {
  const fs::path folder = checkpoints() / fmt::format("step-{}", step);
  HOLISAFE_TRY(const auto json, read_json(folder / "checkpoint.json"));
  if (json.value("step", nlohmann::ordered_json()) != step || !json.contains("sha256") ||
      !json["sha256"].is_object()) {
    return fail(ErrorKind::malformed, "cannot read checkpoint", (folder / "checkpoint.json").string());
  }
  for (const char* file : state_files) {
    HOLISAFE_TRY(const std::string found, sum(folder / file));
    if (json["sha256"].value(file, nlohmann::ordered_json()) != found) {
      return fail(ErrorKind::mismatch, "cannot read checkpoint", (folder / file).string(),
                  "its SHA-256 is another");
    }
  }
  RunState state;
  state.step = step;
  HOLISAFE_TRY(state.trained, read_tensors(folder / state_files[0]));
  HOLISAFE_TRY(state.optimizer, read_tensors(folder / state_files[1]));
  return state;
}

Result<void> RunFolder::save(const RunState& state, std::int64_t keep) const {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(checkpoints(), ignored)) {
    // Of a process that was killed; the one of this step would go by itself.
    if (entry.path().extension() == ".partial") fs::remove_all(entry.path(), ignored);
  }
  const auto write = [&](const fs::path& folder) -> Result<void> {
    HOLISAFE_CHECK(write_tensors(folder / state_files[0], state.trained, {}));
    HOLISAFE_CHECK(write_tensors(folder / state_files[1], state.optimizer, {}));
    nlohmann::ordered_json json{{"step", state.step}, {"sha256", nlohmann::ordered_json::object()}};
    for (const char* file : state_files) {
      HOLISAFE_TRY(json["sha256"][file], sum(folder / file));
    }
    return write_file_atomic(folder / "checkpoint.json", json.dump(2) + "\n");
  };
  HOLISAFE_CHECK(replace_folder(checkpoints() / fmt::format("step-{}", state.step), write));
  std::int64_t kept = 0;
  for (const std::int64_t step : steps()) {
    if (++kept > keep) fs::remove_all(checkpoints() / fmt::format("step-{}", step), ignored);
  }
  return {};
}

}  // namespace holisafe::train
