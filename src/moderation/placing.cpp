#include "moderation/placing.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/file.h"
#include "base/hash.h"
#include "verdicts/file_stamp.h"

namespace holisafe::moderation {
namespace {

namespace fs = std::filesystem;

using verdicts::stamp;

constexpr std::int64_t coarsest = 2 * verdicts::nanoseconds;
constexpr std::size_t piece_bytes = std::size_t{1} << 20U;

/// What the target does not know or allow is left out, as cp -a does.
void copy_attributes(int from, int to) {
  const ssize_t size = ::flistxattr(from, nullptr, 0);
  if (size <= 0) return;
  std::vector<char> names(static_cast<std::size_t>(size));
  const ssize_t got = ::flistxattr(from, names.data(), names.size());
  if (got <= 0) return;
  std::string_view rest(names.data(), static_cast<std::size_t>(got));
  while (!rest.empty()) {
    const std::string attribute(rest.substr(0, rest.find('\0')));
    rest.remove_prefix(std::min(rest.size(), attribute.size() + 1));
    const ssize_t length = ::fgetxattr(from, attribute.c_str(), nullptr, 0);
    if (length < 0) continue;
    std::vector<char> value(static_cast<std::size_t>(length));
    const ssize_t held = ::fgetxattr(from, attribute.c_str(), value.data(), value.size());
    if (held >= 0)
      static_cast<void>(::fsetxattr(to, attribute.c_str(), value.data(), static_cast<std::size_t>(held), 0));
  }
}

Result<void> copy_bytes(int from, int to, const fs::path& source, const fs::path& target) {
  std::vector<char> buffer(piece_bytes);
  while (true) {
    HOLISAFE_TRY(const std::size_t size, read_fully(from, buffer, source));
    if (size == 0) return {};
    HOLISAFE_CHECK(write_fully(to, {buffer.data(), size}, target));
  }
}

/// Bytes, owner, mode, times and attributes, on disk.
Result<void> fill_copy(int from, int to, const fs::path& source, const fs::path& target) {
  struct stat before {};
  if (::fstat(from, &before) != 0) return fail(system_error("cannot read", source, errno));
  if (!S_ISREG(before.st_mode))
    return fail(ErrorKind::not_a_file, "cannot copy", source.string(), "expected a regular file");
  HOLISAFE_CHECK(copy_bytes(from, to, source, target));
  copy_attributes(from, to);
  if (::fchown(to, before.st_uid, before.st_gid) != 0 && errno != EPERM && errno != EINVAL)
    return fail(system_error("cannot write", target, errno));
  const std::array<timespec, 2> times{before.st_atim, before.st_mtim};
  if (::fchmod(to, before.st_mode & 07777U) != 0 || ::futimens(to, times.data()) != 0 || ::fsync(to) != 0)
    return fail(system_error("cannot write", target, errno));
  struct stat after {};
  if (::fstat(from, &after) != 0) return fail(system_error("cannot read", source, errno));
  if (stamp(after) == stamp(before)) return {};
  return fail(ErrorKind::mismatch, "cannot copy", source.string(), "it was changed while it was read");
}

/// True: `to` has the name now. False: the name is taken.
Result<bool> named(int code, const fs::path& to) {
  if (code == 0) return true;
  if (errno == EEXIST) return false;
  return fail(system_error("cannot write", to, errno));
}

/// A rename that replaces nothing. Gives errno, 0 if all is well.
int rename_new(const fs::path& from, const fs::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  // A file system that cannot promise it: a moment lies between the look and the rename.
  struct stat status {};
  if (::lstat(to.c_str(), &status) == 0) return EEXIST;
  return ::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

/// The name of a copy that is not whole yet, where files cannot be without one: the same for the same target,
/// so that the next try takes away what a kill left.
fs::path hidden_name(const fs::path& to) {
  constexpr std::size_t told_by = 16;
  return to.parent_path() /
         fmt::format("{}{}", new_file_prefix, hex(sha256(to.filename().string())).substr(0, told_by));
}

Result<bool> copy_under_hidden_name(const Descriptor& source, const fs::path& from, const fs::path& to) {
  const fs::path hidden = hidden_name(to);
  ::unlink(hidden.c_str());
  const Descriptor target(::open(hidden.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (target.get() < 0) return fail(system_error("cannot write", to, errno));
  if (auto filled = fill_copy(source.get(), target.get(), from, to); !filled) {
    ::unlink(hidden.c_str());
    return fail(filled.error());
  }
  const int error = rename_new(hidden, to);
  if (error != 0) ::unlink(hidden.c_str());
  errno = error;
  return named(error == 0 ? 0 : -1, to);
}

}  // namespace

std::string_view name(Placing how) {
  switch (how) {
    case Placing::link:
      return "link";
    case Placing::copy:
      return "copy";
    case Placing::move:
      return "move";
  }
  return "";
}

Result<bool> link_to(const fs::path& from, const fs::path& to) {
  return named(::symlink(from.c_str(), to.c_str()), to);
}

Result<bool> copy_to(const fs::path& from, const fs::path& to) {
  struct stat status {};
  if (::lstat(to.c_str(), &status) == 0) return false;  // before anything is read
  const Descriptor source(::open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (source.get() < 0) return fail(system_error("cannot read", from, errno));
  const Descriptor target(::open(to.parent_path().c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
  const std::string own_path = fmt::format("/proc/self/fd/{}", target.get());
  bool placed = false;
  if (target.get() < 0 || ::access(own_path.c_str(), F_OK) != 0) {
    HOLISAFE_TRY(placed, copy_under_hidden_name(source, from, to));
  } else {
    HOLISAFE_CHECK(fill_copy(source.get(), target.get(), from, to));
    const int code = ::linkat(AT_FDCWD, own_path.c_str(), AT_FDCWD, to.c_str(), AT_SYMLINK_FOLLOW);
    HOLISAFE_TRY(placed, named(code, to));
  }
  if (placed) HOLISAFE_CHECK(sync_path(to.parent_path()));
  return placed;
}

Result<bool> move_to(const fs::path& from, const fs::path& to) {
  const int error = rename_new(from, to);
  if (error == 0) return true;
  if (error == EEXIST) return false;
  if (error != EXDEV) return fail(system_error("cannot move", error == ENOENT ? from : to, error));
  HOLISAFE_TRY(const bool copied, copy_to(from, to));
  if (!copied) return false;
  return remove_original(from, to);
}

Result<bool> remove_original(const fs::path& from, const fs::path& copy) {
  if (::unlink(from.c_str()) == 0) return true;
  const int error = errno;
  ::unlink(copy.c_str());
  return fail(system_error("cannot remove", from, error));
}

Result<verdicts::FileStamp> stamp_of(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return fail(system_error("cannot find", path, errno));
  if (!S_ISREG(status.st_mode))
    return fail(ErrorKind::not_a_file, "cannot find", path.string(), "expected a regular file");
  return stamp(status);
}

bool has_stamp(const fs::path& path, const verdicts::FileStamp& wanted) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  return status.st_size == wanted.bytes && std::abs(stamp(status).modified - wanted.modified) <= coarsest;
}

void remove_remains(const fs::path& to) { ::unlink(hidden_name(to).c_str()); }

Result<bool> is_copy_of(const fs::path& copy, const fs::path& original) {
  const Descriptor first(::open(copy.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  const Descriptor second(::open(original.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  if (first.get() < 0 || second.get() < 0) return false;
  struct stat one {};
  struct stat other {};
  if (::fstat(first.get(), &one) != 0 || ::fstat(second.get(), &other) != 0) return false;
  if (!S_ISREG(one.st_mode) || !S_ISREG(other.st_mode) || one.st_size != other.st_size ||
      std::abs(stamp(one).modified - stamp(other).modified) > coarsest)
    return false;
  if (one.st_dev == other.st_dev && one.st_ino == other.st_ino) return false;  // one file under two names
  std::vector<char> left(piece_bytes);
  std::vector<char> right(piece_bytes);
  while (true) {
    HOLISAFE_TRY(const std::size_t size, read_fully(first.get(), left, copy));
    HOLISAFE_TRY(const std::size_t same, read_fully(second.get(), right, original));
    if (size != same ||
        !std::equal(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(size), right.begin()))
      return false;
    if (size == 0) return true;
  }
}

}  // namespace holisafe::moderation
