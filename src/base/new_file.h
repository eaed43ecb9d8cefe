// A file that appears whole, or not at all. Internal to this layer.
#pragma once

#include <filesystem>
#include <string>

namespace holisafe {

/// A file of its folder's file system that has no name yet; nothing is left of it if it never gets one. For
/// the moment in which it takes another's place, and where the system has no files without names, it has a
/// hidden name, which depends on its place alone. What a process leaves there that is killed is taken away
/// when the same file is written the next time: whoever writes holds a lock on it.
class NewFile {
 public:
  explicit NewFile(std::filesystem::path place);
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile();

  /// To write to.
  [[nodiscard]] int get() const { return file_; }
  /// Its mode is 0666 less umask. Gives errno, 0 if all is well.
  int open();
  /// On disk and at its place, instead of what is there; a regular file there hands its mode on. Gives errno,
  /// 0 if all is well.
  int publish();

 private:
  [[nodiscard]] std::string hidden_name(unsigned number) const;
  [[nodiscard]] bool link(const std::string& path) const;
  int open_hidden();
  int link_hidden();
  void take_away_leftovers(unsigned number) const;

  std::filesystem::path place_;
  std::string hidden_;  ///< what all its hidden names begin with
  int file_ = -1;
  unsigned number_ = 0;
  std::string name_;  ///< the hidden one that it has; may be empty
};

}  // namespace holisafe
