#include "base/file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/new_file.h"

namespace holisafe {
namespace {

std::string_view kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

/// Opens a regular file for reading and gives its size. O_NONBLOCK: a pipe must be refused, not waited for.
Result<std::pair<int, std::size_t>> open_regular(const std::filesystem::path& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return fail(system_error("cannot open", path, errno));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return fail(system_error("cannot open", path, errno));
  if (!S_ISREG(status.st_mode)) {
    return fail(ErrorKind::not_a_file, "cannot open", path.string(),
                fmt::format("expected a file, found {}", kind_of(status.st_mode)));
  }
  return std::pair{file.release(), static_cast<std::size_t>(status.st_size)};
}

/// Reads into all of `out`, which becomes shorter where the file ends before.
Result<void> fill(int file, std::string& out, const std::filesystem::path& path) {
  HOLISAFE_TRY(const std::size_t filled, read_fully(file, out, path));
  out.resize(filled);
  return {};
}

/// Where links lead, also the last to a file that is not there yet; a link of /proc stays as it is: behind it
/// is what another has open.
std::filesystem::path linked_file(std::filesystem::path path) {
  constexpr int most_links = 40;  // as the system's own
  for (int i = 0; i < most_links && !path.string().starts_with("/proc/"); ++i) {
    std::error_code code;
    const auto target = std::filesystem::read_symlink(path, code);
    if (code) break;
    path = path.parent_path() / target;
  }
  return path;
}

}  // namespace

Error system_error(std::string what, const std::filesystem::path& path, int error_number) {
  ErrorKind kind = ErrorKind::io;
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      kind = ErrorKind::not_found;
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      kind = ErrorKind::permission;
      break;
    case EISDIR:
      kind = ErrorKind::not_a_file;
      break;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      kind = ErrorKind::out_of_space;
      break;
    case ENOMEM:
      kind = ErrorKind::out_of_memory;
      break;
    default:
      break;
  }
  return Error{kind, std::move(what), path.string(), std::strerror(error_number)};
}

Result<void> read_file(const std::filesystem::path& path, std::string& out, std::uint64_t max_bytes) {
  HOLISAFE_TRY(const auto opened, open_regular(path));
  const Descriptor file(opened.first);
  if (opened.second > max_bytes) {
    return fail(ErrorKind::too_large, "cannot read", path.string(),
                fmt::format("expected at most {} bytes, found {}", max_bytes, opened.second));
  }
  if (const std::size_t room = opened.second + 64; out.capacity() < room) {  // parsers read a little ahead
    out.clear();
    out.reserve(room);
  }
  out.resize(opened.second);
  return fill(file.get(), out, path);
}

Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  std::string out;
  HOLISAFE_CHECK(read_file(path, out, max_bytes));
  return out;
}

Result<std::string> read_start(const std::filesystem::path& path, std::size_t most_bytes) {
  HOLISAFE_TRY(const auto opened, open_regular(path));
  const Descriptor file(opened.first);
  std::string out(std::min(opened.second, most_bytes), '\0');
  HOLISAFE_CHECK(fill(file.get(), out, path));
  return out;
}

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  HOLISAFE_TRY(const auto opened, open_regular(path));
  const Descriptor file(opened.first);
  MappedFile out;
  out.path_ = path;
  out.size_ = opened.second;
  if (out.size_ == 0) return out;
  void* address = ::mmap(nullptr, out.size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) return fail(system_error("cannot map", path, errno));
  const std::size_t size = out.size_;
  out.data_ = std::shared_ptr<const std::byte>(
      static_cast<const std::byte*>(address), [address, size](const std::byte*) { ::munmap(address, size); });
  return out;
}

void release_pages(std::span<const std::byte> bytes) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(bytes.data());
  const std::uintptr_t first = (begin + page - 1) / page * page;
  const std::uintptr_t last = (begin + bytes.size()) / page * page;
  if (first < last)
    ::madvise(const_cast<std::byte*>(bytes.data()) + (first - begin), last - first, MADV_DONTNEED);
}

Result<void> write_file_atomic(const std::filesystem::path& path, std::string_view bytes) {
  return write_file_atomic(path, [bytes](const WritePiece& piece) { return piece(bytes); });
}

Result<void> write_file_atomic(const std::filesystem::path& path,
                               const std::function<Result<void>(const WritePiece&)>& write) {
  std::filesystem::path folder = path.parent_path();
  if (folder.empty()) folder = ".";
  NewFile file(path);
  if (const int error = file.open()) return fail(system_error("cannot write", path, error));
  HOLISAFE_CHECK(write([&](std::string_view piece) { return write_fully(file.get(), piece, path); }));
  if (const int error = file.publish()) return fail(system_error("cannot write", path, error));
  return sync_path(folder);
}

Result<void> write_named_file(const std::filesystem::path& path, std::string_view bytes) {
  return write_named_file(path, [bytes](const WritePiece& piece) { return piece(bytes); });
}

Result<void> write_named_file(const std::filesystem::path& path,
                              const std::function<Result<void>(const WritePiece&)>& write) {
  struct stat status {};
  const bool there = ::stat(path.c_str(), &status) == 0;
  const auto target = linked_file(path);
  const bool open_elsewhere = target.string().starts_with("/proc/");
  if (!open_elsewhere && (!there || S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)))
    return write_file_atomic(target, write);
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_APPEND | O_NOCTTY | O_CLOEXEC));
  if (file.get() < 0) return fail(system_error("cannot write", path, errno));
  return write([&](std::string_view piece) { return write_fully(file.get(), piece, path); });
}

Result<void> sync_path(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 || ::fsync(file.get()) != 0) return fail(system_error("cannot sync", path, errno));
  return {};
}

Result<void> make_folders(const std::filesystem::path& path) {
  std::error_code code;
  std::filesystem::create_directories(path, code);
  if (code) return fail(system_error("cannot make folder", path, code.value()));
  return {};
}

Result<std::filesystem::path> resolve_beneath(const std::filesystem::path& root, std::string_view relative) {
  const std::filesystem::path wanted(relative);
  const auto outside = [&](std::string detail) {
    return fail(ErrorKind::outside_root, "path leaves its folder", std::string(relative), std::move(detail));
  };
  if (relative.empty())
    return fail(ErrorKind::not_found, "cannot open", std::string(root), "the path is empty");
  if (relative.find('\0') != std::string_view::npos) return outside("expected a path, found a NUL character");
  if (wanted.is_absolute()) return outside("expected a relative path, found an absolute one");
  for (const auto& part : wanted) {
    if (part == "..") return outside("expected a path beneath " + root.string() + ", found \"..\"");
  }
  std::error_code code;
  auto real = std::filesystem::canonical(root / wanted, code);
  if (code) return fail(system_error("cannot open", root / wanted, code.value()));
  if (!std::filesystem::is_regular_file(real, code)) {
    return fail(ErrorKind::not_a_file, "cannot open", (root / wanted).string(), "expected a file");
  }
  return real;
}

}  // namespace holisafe
