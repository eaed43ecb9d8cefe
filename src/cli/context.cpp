#include "cli/context.h"

#include <array>
#include <atomic>
#include <csignal>

namespace holisafe::cli {
namespace {

constexpr std::array signals{SIGINT, SIGTERM};

/// A signal handler has no argument of its own.
std::atomic<StopFlag*> heard_by{nullptr};

void handle_with(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  for (const int signal : signals) ::sigaction(signal, &action, nullptr);
}

}  // namespace

StopFlag& Context::stop() {
  if (!listening_) {
    heard_by = &stop_;
    handle_with([](int) {
      if (StopFlag* flag = heard_by) flag->request();
    });
    listening_ = true;
  }
  return stop_;
}

Context::~Context() {
  if (!listening_) return;
  handle_with(SIG_DFL);
  heard_by = nullptr;
}

}  // namespace holisafe::cli
