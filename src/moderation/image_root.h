// The one folder that all pictures of a run lie in, and their paths from there.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "verdicts/guard_store.h"

namespace holisafe::moderation {

/// The tree that was given where there is one and all files lie in it; else the deepest folder above all
/// trees and all files that were named themselves. Files that are gone have no say.
class ImageRoot {
 public:
  /// Goes through the run once. Errors: those of GuardStore.
  static Result<ImageRoot> of(const verdicts::GuardStore& store);

  /// Absolute.
  [[nodiscard]] const std::string& folder() const { return folder_; }
  /// A file's path from there.
  [[nodiscard]] std::string relative(const std::string& path);

 private:
  ImageRoot() = default;
  /// Where a path really lies: its tree, or its own folder, without links; below a tree as it was found.
  std::filesystem::path real(const std::string& path);
  const std::filesystem::path& real_folder(const std::filesystem::path& folder);

  struct Tree {
    std::string name;            ///< as it was given, without slashes at its end
    std::filesystem::path real;  ///< absolute, without links
  };
  std::filesystem::path start_;
  std::vector<Tree> trees_;
  bool one_tree_ = false;
  std::string folder_;
  std::filesystem::path last_folder_, last_real_;  ///< files come folder by folder
};

}  // namespace holisafe::moderation
