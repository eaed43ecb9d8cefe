#include "image/picture_tree.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include <sys/stat.h>

#include "base/file.h"
#include "image/image.h"
#include "image/other_formats.h"

namespace holisafe::image {
namespace {

namespace fs = std::filesystem;

/// Whether a file is a picture; an error where it cannot be told.
Result<bool> is_picture(const std::string& path) {
  if (has_picture_ending(path)) return true;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return false;  // a link to nowhere
    return fail(system_error("cannot read file", path, errno));
  }
  if (!S_ISREG(status.st_mode)) return false;
  HOLISAFE_TRY(const std::string start, read_start(path, telling_bytes));
  const auto bytes = std::as_bytes(std::span(start));
  const auto other = other_format(bytes);
  return detect(bytes).has_value() || (other && other->picture);
}

}  // namespace

bool PictureTree::is_met_anyway(const std::string& link) {
  std::error_code code;
  if (real_folder_.empty()) real_folder_ = fs::canonical(folder_, code).string();
  const std::string target = code ? std::string() : fs::canonical(link, code).string();
  if (code) return false;
  return target == real_folder_ || target.starts_with(real_folder_ == "/" ? "/" : real_folder_ + "/");
}

std::optional<PictureTree::Found> PictureTree::enter(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return Found{path, system_error("cannot read folder", path, errno)};
  if (!entered_.emplace(status.st_dev, status.st_ino).second) return std::nullopt;
  Level level{path, {}, 0};
  std::error_code code;
  fs::directory_iterator entries(path, code);
  for (; !code && entries != fs::directory_iterator(); entries.increment(code)) {
    std::error_code ignored;  // of a link that leads nowhere
    level.entries.push_back(
        {entries->path().filename().string(), entries->is_directory(ignored), entries->is_symlink(ignored)});
  }
  // A folder's name ends in a slash here: the paths beneath it then come where their bytes put them.
  std::sort(level.entries.begin(), level.entries.end(), [](const Entry& a, const Entry& b) {
    return (a.folder ? a.name + "/" : a.name) < (b.folder ? b.name + "/" : b.name);
  });
  levels_.push_back(std::move(level));
  if (code) return Found{path, system_error("cannot read folder", path, code.value())};
  return std::nullopt;
}

std::optional<PictureTree::Found> PictureTree::next() {
  std::optional<Found> found;
  if (!std::exchange(begun_, true)) found = enter(folder_);
  while (!found && !levels_.empty()) {
    Level& level = levels_.back();
    if (level.next == level.entries.size()) {
      levels_.pop_back();
      continue;
    }
    const Entry& entry = level.entries[level.next++];
    std::string path = (fs::path(level.path) / entry.name).string();
    if (!entry.folder) {
      const auto picture = is_picture(path);
      if (!picture) {
        found = Found{std::move(path), picture.error()};
      } else if (*picture) {
        found = Found{std::move(path), std::nullopt};
      }
    } else if (!entry.link || !is_met_anyway(path)) {
      found = enter(path);
    }
  }
  if (found) {
    empty_ = false;
  } else if (std::exchange(empty_, false)) {
    found = Found{folder_, Error{ErrorKind::missing, "no pictures in folder", folder_,
                                 "expected JPEG, PNG, WebP or GIF files"}};
  }
  return found;
}

}  // namespace holisafe::image
