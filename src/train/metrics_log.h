// metrics.jsonl of a run: one JSON object a line and step.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>

#include "base/result.h"

namespace holisafe::train {

/// Appends lines; every line is with the system before append() returns. Movable, owns the file; not
/// thread-safe.
class MetricsLog {
 public:
  /// Opens the file, keeping its whole lines up to and including step `last_step` and cutting off the rest (a
  /// resumed run goes on from there; 0 empties the file). Errors: io, permission, out_of_space.
  static Result<MetricsLog> open(const std::filesystem::path& path, std::int64_t last_step);

  MetricsLog(MetricsLog&& other) noexcept;
  MetricsLog& operator=(MetricsLog&& other) noexcept;
  MetricsLog(const MetricsLog&) = delete;
  MetricsLog& operator=(const MetricsLog&) = delete;
  ~MetricsLog();

  /// Errors: io, out_of_space.
  Result<void> append(const nlohmann::ordered_json& line);

 private:
  MetricsLog(std::filesystem::path path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}

  std::filesystem::path path_;
  int descriptor_ = -1;
};

}  // namespace holisafe::train
