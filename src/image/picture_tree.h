// The pictures of a folder and beneath it, found while they are asked for.
//
//   PictureTree tree("photos");
//   while (const auto found = tree.next()) …
#pragma once

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace holisafe::image {

/// Gives every file that has a picture's ending or a picture's first bytes, also of formats that are not
/// decoded, in the order of their paths' bytes. A folder, or a file of unknown kind, that cannot be read is
/// an error of its own, and the rest goes on. Links to folders are followed where they lead out of the tree;
/// each folder is entered once, one of the tree under its own name. Holds the names of the folders on the way
/// down alone, and no file open. Not thread-safe.
class PictureTree {
 public:
  struct Found {
    std::string path;
    std::optional<Error> error;  ///< of a folder or file; also where there is no picture at all
  };

  explicit PictureTree(std::string folder) : folder_(std::move(folder)) {}

  /// Nothing at the end.
  std::optional<Found> next();

 private:
  struct Entry {
    std::string name;
    bool folder = false;
    bool link = false;
  };
  struct Level {
    std::string path;
    std::vector<Entry> entries;
    std::size_t next = 0;
  };

  std::optional<Found> enter(const std::string& path);
  /// Whether a link's folder is one of the tree, which is met under its own name.
  bool is_met_anyway(const std::string& link);

  std::string folder_;
  std::string real_folder_;  ///< without links; empty: not asked for yet
  std::vector<Level> levels_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> entered_;  ///< device and inode
  bool begun_ = false;
  bool empty_ = true;
};

}  // namespace holisafe::image
