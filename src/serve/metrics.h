// Counts of the service in Prometheus' text format. No label is a client's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "policy/policy.h"

namespace holisafe::serve {

/// Thread-safe.
class Metrics {
 public:
  Metrics();
  ~Metrics();

  void request(std::string_view endpoint, int status,
               double seconds);  ///< endpoint: a path of the closed list, or "other"
  void first_chunk(double seconds);
  void queue_seconds(double seconds);
  void guard_seconds(double seconds);
  void decision(const policy::Decision& decision);  ///< of an image: verdicts by action, fired classes
  void guard_failure();
  void rejected(std::string_view reason);  ///< the fault's code
  void tokens(std::uint64_t prompt, std::uint64_t completion);
  void running(std::size_t running, std::size_t waiting);
  void failing_open(bool fails_open);

  [[nodiscard]] std::string text() const;

 private:
  class Families;
  std::unique_ptr<Families> families_;
};

}  // namespace holisafe::serve
