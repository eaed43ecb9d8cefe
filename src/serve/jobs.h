// Requests under way, each with its task. Internal to this layer.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "http/workers.h"
#include "serve/fault.h"
#include "serve/guard.h"
#include "serve/visit.h"

namespace holisafe::serve {

/// Tasks end on a worker, wherever it is known that they have. Thread-safe.
class Jobs {
 public:
  using Name = std::uint64_t;

  /// `workers` outlives this. Streams that are silent for so long get a comment.
  Jobs(http::Workers& workers, std::chrono::milliseconds silence);
  Jobs(const Jobs&) = delete;
  Jobs& operator=(const Jobs&) = delete;
  ~Jobs();

  Name add(std::shared_ptr<Visit> visit);
  /// Its task; of a job that is over already the task ends here.
  void begin(Name name, std::unique_ptr<Task> task);
  /// Its answer is out, or nobody waits for it.
  void over(Name name);
  [[nodiscard]] bool has(Name name) const;
  [[nodiscard]] std::size_t size() const;

  /// Ends all with this fault.
  void end_all(const Fault& fault);
  /// Gives all up, and waits until nothing is heard of them any more.
  void drop_all();

 private:
  struct One {
    std::shared_ptr<Visit> visit;
    std::shared_ptr<Task> task;
  };
  void run();

  http::Workers& workers_;
  const std::chrono::milliseconds silence_;
  mutable std::mutex mutex_;
  std::condition_variable closing_changed_;
  bool closing_ = false;
  Name last_ = 0;
  std::map<Name, One> jobs_;
  std::thread thread_;  ///< of the comments
};

}  // namespace holisafe::serve
