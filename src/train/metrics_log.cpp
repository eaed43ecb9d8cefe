#include "train/metrics_log.h"

#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/file.h"

namespace holisafe::train {
namespace {

/// Length of the leading part of `text` that holds whole lines of steps up to `last_step`.
std::size_t kept_bytes(const std::string& text, std::int64_t last_step) {
  std::size_t kept = 0;
  while (true) {
    const auto end = text.find('\n', kept);
    if (end == std::string::npos) return kept;
    const auto line = nlohmann::json::parse(text.begin() + static_cast<std::ptrdiff_t>(kept),
                                            text.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
    if (!line.is_object() || !line.contains("step") || !line["step"].is_number_integer()) return kept;
    if (line["step"].get<std::int64_t>() > last_step) return kept;
    kept = end + 1;
  }
}

}  // namespace

Result<MetricsLog> MetricsLog::open(const std::filesystem::path& path, std::int64_t last_step) {
  std::size_t kept = 0;
  if (last_step > 0 && std::filesystem::exists(path)) {
    HOLISAFE_TRY(const std::string text, read_file(path));
    kept = kept_bytes(text, last_step);
  }
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor < 0) return fail(system_error("cannot write metrics", path, errno));
  MetricsLog log(path, descriptor);
  if (::ftruncate(descriptor, static_cast<off_t>(kept)) != 0 || ::lseek(descriptor, 0, SEEK_END) < 0) {
    return fail(system_error("cannot write metrics", path, errno));
  }
  return log;
}

MetricsLog::MetricsLog(MetricsLog&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

MetricsLog& MetricsLog::operator=(MetricsLog&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

MetricsLog::~MetricsLog() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<void> MetricsLog::append(const nlohmann::ordered_json& line) {
  const std::string text = line.dump() + "\n";
  return write_fully(descriptor_, text, path_, "cannot write metrics");
}

}  // namespace holisafe::train
