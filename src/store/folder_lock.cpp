#include "store/folder_lock.h"

#include <cerrno>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"

namespace holisafe::store {

void FolderLock::Closer::operator()(const int* file) const {
  ::close(*file);
  delete file;
}

Result<FolderLock> FolderLock::take(const std::filesystem::path& folder) {
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return fail(system_error("cannot open the run", folder, errno));
  FolderLock out;
  out.file_.reset(new int(file));
  if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    return fail(ErrorKind::permission, "run in use", folder.string(),
                "expected to be the only one writing, found another process at it");
  }
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator(folder, code)) {
    if (entry.path().filename().string().starts_with(new_file_prefix))
      std::filesystem::remove(entry.path(), code);
  }
  return out;
}

}  // namespace holisafe::store
