// What a command gets from the program beside its flags.
#pragma once

#include "base/progress.h"

namespace holisafe::cli {

/// Made once, by run(). Not thread-safe; its stop flag is.
class Context {
 public:
  Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context();

  /// The flag that SIGINT and SIGTERM set from the first call on; until then they end the program.
  StopFlag& stop();

 private:
  StopFlag stop_;
  bool listening_ = false;
};

}  // namespace holisafe::cli
