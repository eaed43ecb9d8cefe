// Who writes into a run's folder is alone there.
#pragma once

#include <filesystem>
#include <memory>

#include "base/result.h"

namespace holisafe::store {

/// Held until it is gone, also by a kill. Movable.
class FolderLock {
 public:
  /// Of a folder that is there; takes away what writers of result files left that were killed. Errors:
  /// permission (another process holds it), not_found, io.
  static Result<FolderLock> take(const std::filesystem::path& folder);

 private:
  struct Closer {
    void operator()(const int* file) const;
  };
  std::unique_ptr<int, Closer> file_;
};

}  // namespace holisafe::store
