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

bool is_picture(const std::string& path) {
  if (has_picture_ending(path)) return true;
  const auto start = read_start(path, telling_bytes);
  if (!start) return false;
  const auto bytes = std::as_bytes(std::span(*start));
  const auto other = other_format(bytes);
  return detect(bytes).has_value() || (other && other->picture);
}

}  // namespace

std::optional<PictureTree::Found> PictureTree::enter(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return Found{path, system_error("cannot read folder", path, errno)};
  if (!entered_.emplace(status.st_dev, status.st_ino).second) return std::nullopt;
  Level level{path, {}, 0};
  std::error_code code;
  fs::directory_iterator entries(path, code);
  for (; !code && entries != fs::directory_iterator(); entries.increment(code)) {
    std::error_code ignored;
    level.entries.push_back({entries->path().filename().string(), entries->is_directory(ignored)});
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
    if (entry.folder) {
      found = enter(path);
    } else if (is_picture(path)) {
      found = Found{std::move(path), std::nullopt};
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
