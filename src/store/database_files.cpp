#include "store/database_files.h"

#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace holisafe::store {
namespace {

namespace fs = std::filesystem;

fs::path beside(const fs::path& database, std::string_view ending) {
  return database.string() + std::string(ending);
}

fs::path folder_of(const fs::path& database) {
  return database.has_parent_path() ? database.parent_path() : fs::path(".");
}

/// Whether a rollback journal's last bytes say that it belongs to a transaction over several files.
bool names_further_file(const fs::path& journal) {
  constexpr std::array<unsigned char, 8> mark{0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
  const int file = ::open(journal.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return false;
  std::array<unsigned char, mark.size()> last{};
  const bool read = ::lseek(file, -static_cast<off_t>(last.size()), SEEK_END) >= 0 &&
                    ::read(file, last.data(), last.size()) == static_cast<ssize_t>(last.size());
  ::close(file);
  return read && last == mark;
}

}  // namespace

bool has_room_beside(const fs::path& database) {
  constexpr off_t most = off_t{64} << 10U;  // an empty log and its index
  const fs::path folder = folder_of(database);
  const int file = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file < 0) return (errno == EOPNOTSUPP || errno == EISDIR) && ::access(folder.c_str(), W_OK) == 0;
  const bool room = ::posix_fallocate(file, 0, most) == 0;
  ::close(file);
  return room;
}

bool has_log(const fs::path& database) {
  std::error_code code;
  const auto bytes = fs::file_size(beside(database, "-wal"), code);
  return !code && bytes > 0;
}

Result<void> check_files_beside(const fs::path& database, Access access) {
  std::error_code code;
  for (const std::string_view ending : {"", "-wal", "-shm", "-journal"}) {
    const fs::path file = beside(database, ending);
    if (!fs::is_symlink(fs::symlink_status(file, code)) || (ending.empty() && access == Access::read))
      continue;
    return fail(ErrorKind::unexpected, "run store", file.string(), "expected a file, found a link");
  }
  const fs::path journal = beside(database, "-journal");
  if (names_further_file(journal)) {
    return fail(ErrorKind::unexpected, "run store", journal.string(),
                "expected the journal of one file, found one that names another");
  }
  return {};
}

}  // namespace holisafe::store
