// The access log and the review log: JSON lines, written by a thread of their own.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "base/hash.h"
#include "base/result.h"
#include "policy/policy.h"
#include "serve/answer_json.h"

namespace holisafe::serve {

/// What the access log says of a request; no contents, no keys.
struct AccessEntry {
  std::string id;
  std::string method;
  std::string path;      ///< as it was sent
  std::string endpoint;  ///< a path of the service, or "other"
  int status = 0;        ///< 499: the client went away
  /// When the request's first byte came: from there `seconds` count.
  std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now();
  double seconds = 0;
  std::optional<double> queue_seconds;  ///< waited for the model; nothing where it never came there
  std::string action;                   ///< empty: nothing was judged
  std::string policy;                   ///< its name and version
  std::optional<std::size_t> key;       ///< its number, from 1
  std::size_t images = 0;
  std::uint64_t prompt_tokens = 0;
  std::uint64_t completion_tokens = 0;
};

/// Thread-safe; never waits for a file. Where nobody reads the access log, lines are dropped and counted.
class Logs {
 public:
  /// Paths: "-" standard output, empty none. Errors: those of opening a file for appending.
  static Result<std::unique_ptr<Logs>> open(const std::filesystem::path& access,
                                            const std::filesystem::path& review);
  Logs(const Logs&) = delete;
  Logs& operator=(const Logs&) = delete;
  /// Writes what is there.
  ~Logs();

  void access(const AccessEntry& entry);
  /// A line in the review log, of an image whose action is review or stricter in a request that is to be
  /// reviewed.
  void review(const std::string& id, const Digest& image, const ImageDecision& decided,
              const policy::Policy& policy);
  [[nodiscard]] bool reviews() const { return review_ >= 0; }
  /// Something the operator should know, as a line of the access log: {"time", "event", …}.
  void event(std::string_view what);

 private:
  Logs() = default;
  void run();
  void write(std::string access, const std::string& review);

  int access_ = -1;
  int review_ = -1;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string access_lines_;
  std::string review_lines_;
  std::uint64_t dropped_ = 0;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace holisafe::serve
