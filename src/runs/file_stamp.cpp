#include "runs/file_stamp.h"

#include <cerrno>

#include <sys/stat.h>

namespace holisafe::runs {

std::optional<verdicts::FileStamp> stamp_of(const std::string& path) {
  constexpr std::int64_t nanoseconds = 1'000'000'000;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return verdicts::FileStamp{status.st_size, status.st_mtim.tv_sec * nanoseconds + status.st_mtim.tv_nsec};
}

bool is_gone(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

}  // namespace holisafe::runs
