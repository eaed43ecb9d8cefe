// Folder trees, and where pictures of any source may lie.
#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

#include "base/file.h"
#include "base/text.h"
#include "construction/build_sources.h"

namespace holisafe::construction {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 5> picture_endings{".png", ".jpg", ".jpeg", ".webp", ".gif"};

bool is_picture_name(const std::string& name) {
  const std::string ending = ascii_lower(fs::path(name).extension().string());
  return std::find(picture_endings.begin(), picture_endings.end(), ending) != picture_endings.end();
}

struct TreeEntry {
  std::string name;  ///< of a folder with a slash behind it: paths beneath it then come in the order of bytes
  bool folder = false;
  bool file = false;
  bool link = false;
};

struct TreeLevel {
  std::string path;                  ///< in the tree, empty or with a slash behind it
  std::optional<std::size_t> label;  ///< of the last folder on the way that names a class
  std::vector<TreeEntry> entries;
  std::size_t next = 0;
};

class TreeWalk {
 public:
  TreeWalk(const std::string& folder, PictureFolder root, const OnPicture& visit, std::uint64_t& others)
      : folder_(folder), root_(std::move(root)), visit_(visit), others_(others) {}

  Result<void> run() {
    // The folder's own name counts too: `photos/*` names the classes' folders themselves.
    const fs::path named = fs::path(folder_).lexically_normal();
    const fs::path last = named.has_filename() ? named.filename() : named.parent_path().filename();
    HOLISAFE_CHECK(enter("", taxonomy::parse_class(last.string())));
    while (!levels_.empty()) {
      TreeLevel& level = levels_.back();
      if (level.next == level.entries.size()) {
        levels_.pop_back();
        continue;
      }
      const TreeEntry entry = level.entries[level.next++];
      HOLISAFE_CHECK(take(entry, level.path + entry.name, level.label));
    }
    if (pictures_ > 0) return {};
    return fail(ErrorKind::missing, "no pictures in folder", folder_,
                "expected .png, .jpg, .jpeg, .webp or .gif files");
  }

 private:
  [[nodiscard]] std::string shown(const std::string& path) const {
    return (fs::path(folder_) / path).string();
  }

  Result<void> enter(const std::string& path, std::optional<std::size_t> label) {
    TreeLevel level{path, label, {}, 0};
    std::error_code code;
    fs::directory_iterator entries(fs::path(folder_) / path, code);
    for (; !code && entries != fs::directory_iterator(); entries.increment(code)) {
      std::error_code ignored;  // of a link that leads nowhere
      TreeEntry entry{entries->path().filename().string(), entries->is_directory(ignored),
                      entries->is_regular_file(ignored), entries->is_symlink(ignored)};
      if (entry.folder) entry.name += '/';
      level.entries.push_back(std::move(entry));
    }
    if (code) return fail(system_error("cannot read folder", shown(path), code.value()));
    std::sort(level.entries.begin(), level.entries.end(),
              [](const TreeEntry& a, const TreeEntry& b) { return a.name < b.name; });
    levels_.push_back(std::move(level));
    return {};
  }

  Result<void> take(const TreeEntry& entry, const std::string& path, std::optional<std::size_t> label) {
    const bool picture = !entry.folder && is_picture_name(entry.name);
    if (entry.link) HOLISAFE_CHECK(check_link(entry, picture, path));
    if (entry.folder) {
      if (entry.link) return {};  // it lies in the tree, and is met under its own name
      const auto named = taxonomy::parse_class(std::string_view(entry.name).substr(0, entry.name.size() - 1));
      return enter(path, named ? named : label);
    }
    if (!picture || !entry.file) {
      ++others_;
      return {};
    }
    ++pictures_;
    NamedPicture out;
    HOLISAFE_TRY(out.file, root_.file(path, shown(path)));
    out.path = path;
    out.label = label;
    out.where = shown(path);
    return visit_(out);
  }

  /// A link to a folder or a picture must not leave the tree.
  Result<void> check_link(const TreeEntry& entry, bool picture, const std::string& path) const {
    if (!entry.folder && !picture) return {};
    std::error_code code;
    const fs::path real = fs::canonical(shown(path), code);
    if (code) return fail(system_error("cannot follow link", shown(path), code.value()));
    if (root_.holds(real)) return {};
    return fail(ErrorKind::outside_root, "link leaves its folder", shown(path),
                fmt::format("expected a target beneath {}, found {}", folder_, real.string()));
  }

  const std::string& folder_;
  PictureFolder root_;
  const OnPicture& visit_;
  std::uint64_t& others_;
  std::uint64_t pictures_ = 0;
  std::vector<TreeLevel> levels_;
};

}  // namespace

Result<PictureFolder> PictureFolder::open(const fs::path& folder) {
  std::error_code code;
  fs::path real = fs::canonical(folder.empty() ? fs::path(".") : folder, code);
  if (code) return fail(system_error("cannot open source", folder, code.value()));
  if (!fs::is_directory(real, code))
    return fail(ErrorKind::not_a_file, "cannot open source", folder.string(), "expected a folder");
  return PictureFolder(std::move(real));
}

bool PictureFolder::holds(const fs::path& real) const {
  const std::string& root = folder_.native();
  return real == folder_ || real.native().starts_with(root.ends_with('/') ? root : root + "/");
}

Result<std::string> PictureFolder::file(std::string_view relative, const std::string& where) const {
  auto found = resolve_beneath(folder_, relative);
  if (!found) {
    Error error = std::move(found).error();
    error.detail = fmt::format("{}{}found \"{}\"", error.detail, error.detail.empty() ? "" : "; ",
                               excerpt(relative, 200));
    error.where = where;
    return fail(std::move(error));
  }
  if (!holds(*found)) {
    return fail(ErrorKind::outside_root, "link leaves its folder", where,
                fmt::format("expected a file beneath {}, found \"{}\", which leads to {}", folder_.string(),
                            excerpt(relative, 200), found->string()));
  }
  return found->string();
}

Result<void> read_tree(const std::string& folder, const OnPicture& visit, std::uint64_t& others) {
  HOLISAFE_TRY(PictureFolder root, PictureFolder::open(folder));
  return TreeWalk(folder, std::move(root), visit, others).run();
}

}  // namespace holisafe::construction
