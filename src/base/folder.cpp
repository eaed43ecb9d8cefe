#include "base/folder.h"

#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"

namespace holisafe {
namespace {

namespace fs = std::filesystem;

Result<void> remove_tree(const fs::path& path) {
  std::error_code code;
  fs::remove_all(path, code);
  if (code) return fail(system_error("cannot remove folder", path, code.value()));
  return {};
}

Result<void> rename_to(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return fail(system_error("cannot write", to, errno));
  return {};
}

/// Everything in the folder and the folder itself.
Result<void> sync_tree(const fs::path& folder) {
  std::error_code code;
  auto entries = fs::recursive_directory_iterator(folder, code);
  for (; !code && entries != fs::recursive_directory_iterator(); entries.increment(code)) {
    const fs::file_status status = entries->symlink_status(code);
    if (!code && (fs::is_directory(status) || fs::is_regular_file(status)))
      HOLISAFE_CHECK(sync_path(entries->path()));
  }
  if (code) return fail(system_error("cannot sync folder", folder, code.value()));
  return sync_path(folder);
}

/// `made` takes the name of the folder `place`, which is left as `made` or gone.
Result<void> exchange(const fs::path& made, const fs::path& place, const fs::path& old) {
  if (::renameat2(AT_FDCWD, made.c_str(), AT_FDCWD, place.c_str(), RENAME_EXCHANGE) == 0) return {};
  if (errno != EINVAL && errno != ENOSYS && errno != ENOTSUP)
    return fail(system_error("cannot write", place, errno));
  HOLISAFE_CHECK(rename_to(place, old));
  if (auto renamed = rename_to(made, place); !renamed) {
    HOLISAFE_CHECK(rename_to(old, place));
    return renamed;
  }
  return remove_tree(old);
}

Result<void> put_in_place(const fs::path& made, const fs::path& place, const fs::path& old) {
  std::error_code ignored;
  const fs::file_status there = fs::symlink_status(place, ignored);
  if (!fs::exists(there)) return rename_to(made, place);
  if (!fs::is_directory(there) && !fs::is_symlink(there))
    return fail(ErrorKind::not_a_file, "cannot write", place.string(), "expected a folder, found a file");
  return exchange(made, place, old);
}

/// A name that leaves room for what is put around it, its own for each name.
std::string short_name(const std::string& name) {
  constexpr std::size_t most = 200;
  constexpr std::size_t told_by = 16;
  return name.size() <= most ? name : name.substr(0, most) + "-" + hex(sha256(name)).substr(0, told_by);
}

}  // namespace

Result<void> replace_folder(const fs::path& place,
                            const std::function<Result<void>(const fs::path& folder)>& write) {
  fs::path named = place.lexically_normal();
  if (!named.has_filename()) named = named.parent_path();  // "out/"
  const fs::path parent = named.has_parent_path() ? named.parent_path() : fs::path(".");
  const std::string name = short_name(named.filename().string());
  const fs::path made = parent / ("." + name + ".partial");
  const fs::path old = parent / ("." + name + ".old");

  HOLISAFE_CHECK(make_folders(parent));
  std::error_code ignored;
  // Where a process was killed between two renames, the old folder is the whole one.
  if (!fs::exists(named, ignored) && fs::exists(old, ignored)) HOLISAFE_CHECK(rename_to(old, named));
  HOLISAFE_CHECK(remove_tree(old));
  HOLISAFE_CHECK(remove_tree(made));

  const auto finish = [&]() -> Result<void> {
    HOLISAFE_CHECK(make_folders(made));
    HOLISAFE_CHECK(write(made));
    HOLISAFE_CHECK(sync_tree(made));
    HOLISAFE_CHECK(put_in_place(made, named, old));
    return sync_path(parent);
  };
  auto done = finish();
  fs::remove_all(made, ignored);  // what was there before, or what could not be finished
  return done;
}

}  // namespace holisafe
