#include "base/new_file.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"

namespace holisafe {
namespace {

constexpr mode_t new_file_mode = 0666;
constexpr unsigned most_names = 100;

/// False where somebody else holds it. A file system without locks leaves every file to its writer.
bool lock(int file) { return ::flock(file, LOCK_EX | LOCK_NB) == 0; }

/// Takes a hidden file away whose writer is gone. Whether the name is free now.
bool take_away(const std::string& name) {
  const int file = ::open(name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (file < 0) return errno == ENOENT;
  struct stat opened {};
  struct stat named {};
  bool free = false;
  if (::fstat(file, &opened) == 0 && S_ISREG(opened.st_mode) && lock(file)) {
    const bool there = ::lstat(name.c_str(), &named) == 0;
    const bool same = there && named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
    free = same ? ::unlink(name.c_str()) == 0 : !there;
  }
  ::close(file);
  return free;
}

}  // namespace

NewFile::NewFile(std::filesystem::path place) : place_(std::move(place)) {
  constexpr std::size_t told_by = 16;  // as short whatever the file is called: that may have all of 255 bytes
  std::filesystem::path folder = place_.parent_path();
  if (folder.empty()) folder = ".";
  const std::string digest = hex(sha256(place_.filename().string())).substr(0, told_by);
  hidden_ = (folder / fmt::format("{}{}.", new_file_prefix, digest)).string();
}

NewFile::~NewFile() {
  if (!name_.empty()) ::unlink(name_.c_str());
  if (file_ >= 0) ::close(file_);
}

std::string NewFile::hidden_name(unsigned number) const { return hidden_ + std::to_string(number); }

bool NewFile::link(const std::string& path) const {
  const std::string own = "/proc/self/fd/" + std::to_string(file_);
  return ::linkat(AT_FDCWD, own.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0;
}

int NewFile::open() {
  std::filesystem::path folder = place_.parent_path();
  if (folder.empty()) folder = ".";
  file_ = ::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, new_file_mode);
  if (file_ < 0) return open_hidden();
  static_cast<void>(lock(file_));
  if (::access(("/proc/self/fd/" + std::to_string(file_)).c_str(), F_OK) == 0) return 0;
  ::close(file_);
  return open_hidden();
}

int NewFile::open_hidden() {
  for (number_ = 0; number_ < most_names;) {
    name_ = hidden_name(number_);
    file_ = ::open(name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, new_file_mode);
    const int error = errno;
    if (file_ >= 0 && (lock(file_) || errno != EWOULDBLOCK)) return 0;
    if (file_ >= 0) {  // taken for a leftover in the moment before the lock
      ::close(std::exchange(file_, -1));
      ++number_;
    } else if (error != EEXIST) {
      name_.clear();
      return error;
    } else if (!take_away(name_)) {
      ++number_;
    }
  }
  name_.clear();
  return EEXIST;
}

int NewFile::link_hidden() {
  for (number_ = 0; number_ < most_names;) {
    const std::string name = hidden_name(number_);
    if (link(name)) {
      name_ = name;
      return 0;
    }
    if (errno != EEXIST) return errno;
    if (!take_away(name)) ++number_;
  }
  return EEXIST;
}

void NewFile::take_away_leftovers(unsigned number) const {
  struct stat status {};
  for (; number < most_names && ::lstat(hidden_name(number).c_str(), &status) == 0; ++number)
    static_cast<void>(take_away(hidden_name(number)));
}

int NewFile::publish() {
  struct stat status {};
  const bool there = ::lstat(place_.c_str(), &status) == 0;
  if (there && S_ISREG(status.st_mode) && ::fchmod(file_, status.st_mode & 07777) != 0) return errno;
  if (::fsync(file_) != 0) return errno;
  if (name_.empty() && !there && link(place_.string())) {
    take_away_leftovers(0);
    return 0;
  }
  if (name_.empty()) {
    if (const int error = link_hidden()) return error;
  }
  if (::rename(name_.c_str(), place_.c_str()) != 0) return errno;
  name_.clear();
  take_away_leftovers(number_ + 1);
  return 0;
}

}  // namespace holisafe
