#include "cli/last_words.h"

#include <cerrno>
#include <csignal>
#include <exception>
#include <new>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include "cli/program.h"

namespace holisafe::cli {
namespace {

/// Calls only what a signal handler may.
[[noreturn]] void end_with(std::string_view line) {
  static_cast<void>(!::write(STDERR_FILENO, line.data(), line.size()));
  ::_exit(exit_error);
}

[[noreturn]] void on_terminate() {
  try {
    if (const auto error = std::current_exception()) std::rethrow_exception(error);
  } catch (const std::bad_alloc&) {
    end_with("holisafe: error: not enough memory\n");
  } catch (...) {  // NOLINT(bugprone-empty-catch): what it is can no longer be said safely
  }
  end_with("holisafe: error: unexpected failure: the program cannot go on\n");
}

}  // namespace

void prepare_process() {
  for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(number, F_GETFD) != -1 || errno != EBADF) continue;
    ::open("/dev/null", number == STDERR_FILENO ? O_WRONLY : O_RDONLY);  // takes the lowest number free
  }
  std::set_terminate(on_terminate);
  struct sigaction action {};
  action.sa_handler = [](int) {
    end_with(
        "holisafe: error: a mapped file cannot be read any longer: it was cut short while in use, or its "
        "device fails\n");
  };
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, nullptr);
}

}  // namespace holisafe::cli
