#include "moderation/image_root.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace holisafe::moderation {
namespace {

namespace fs = std::filesystem;

/// What follows a tree's name in the path of a file in it; nothing for other paths.
std::optional<std::string_view> below(std::string_view path, const std::string& tree) {
  if (!path.starts_with(tree)) return std::nullopt;
  std::string_view rest = path.substr(tree.size());
  if (!rest.starts_with('/') && !tree.ends_with('/')) return std::nullopt;
  rest.remove_prefix(std::min(rest.find_first_not_of('/'), rest.size()));
  return rest;
}

/// Without links as far as it exists, and without dots.
fs::path without_links(const fs::path& path) {
  std::error_code code;
  fs::path real = fs::weakly_canonical(path, code);
  if (code) real = path.lexically_normal();
  return real.has_filename() || real == real.root_path() ? real : real.parent_path();
}

fs::path folder_above(const fs::path& a, const fs::path& b) {
  fs::path out;
  auto left = a.begin();
  auto right = b.begin();
  for (; left != a.end() && right != b.end() && *left == *right; ++left, ++right) out /= *left;
  return out;
}

}  // namespace

const fs::path& ImageRoot::real_folder(const fs::path& folder) {
  if (folder != last_folder_ || last_real_.empty()) {
    last_folder_ = folder;
    last_real_ = without_links(start_ / folder);
  }
  return last_real_;
}

fs::path ImageRoot::real(const std::string& path) {
  const Tree* deepest = nullptr;
  std::string_view rest;
  for (const Tree& tree : trees_) {
    const auto found = below(path, tree.name);
    if (!found || (deepest != nullptr && deepest->name.size() > tree.name.size())) continue;
    deepest = &tree;
    rest = *found;
  }
  if (deepest != nullptr) return deepest->real / rest;
  const fs::path file(path);
  return real_folder(file.parent_path()) / file.filename();
}

Result<ImageRoot> ImageRoot::of(const verdicts::GuardStore& store) {
  ImageRoot out;
  HOLISAFE_TRY(out.start_, store.start());
  HOLISAFE_TRY(const auto trees, store.trees());
  for (std::string tree : trees) {
    while (tree.size() > 1 && tree.ends_with('/')) tree.pop_back();
    fs::path real = without_links(out.start_ / tree);
    out.trees_.push_back({std::move(tree), std::move(real)});
  }
  fs::path above;
  out.one_tree_ = out.trees_.size() == 1;
  HOLISAFE_TRY(auto lines, store.lines());
  verdicts::Line line;
  while (true) {
    HOLISAFE_TRY(const bool found, lines.next(line));
    if (!found) break;
    if (line.gone) continue;
    const bool in_a_tree = std::any_of(out.trees_.begin(), out.trees_.end(), [&line](const Tree& tree) {
      return below(line.path, tree.name).has_value();
    });
    if (in_a_tree) continue;
    out.one_tree_ = false;
    const fs::path folder = out.real(line.path).parent_path();
    above = above.empty() ? folder : folder_above(above, folder);
  }
  if (out.one_tree_) {
    out.folder_ = (out.start_ / out.trees_.front().name).string();
    return out;
  }
  for (const Tree& tree : out.trees_) above = above.empty() ? tree.real : folder_above(above, tree.real);
  out.folder_ = above.string();
  return out;
}

std::string ImageRoot::relative(const std::string& path) {
  if (one_tree_) return std::string(below(path, trees_.front().name).value_or(path));
  return real(path).lexically_relative(folder_).string();
}

}  // namespace holisafe::moderation
