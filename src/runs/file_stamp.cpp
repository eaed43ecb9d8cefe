#include "runs/file_stamp.h"

#include <cerrno>

#include <sys/stat.h>

#include "verdicts/file_stamp.h"

namespace holisafe::runs {

std::optional<verdicts::FileStamp> stamp_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return verdicts::stamp(status);
}

bool is_gone(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

}  // namespace holisafe::runs
