// One request on its way: its exchange, its name, and what logs and metrics will say of it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "http/server.h"
#include "policy/policy.h"
#include "serve/answer_json.h"
#include "serve/fault.h"
#include "serve/logs.h"
#include "serve/metrics.h"

namespace holisafe::serve {

/// Where a visit writes what became of it; both outlive it.
struct Records {
  Metrics& metrics;
  Logs& logs;
};

/// Every answer of the service but those given from the head alone goes out through one of these, once: what
/// comes behind an answer's end does nothing. A visit that goes without an answer closes its connection. Its
/// line in the access log and its counts are written when it has ended. Thread-safe; never blocks.
class Visit {
 public:
  /// `headers` stand in every answer: X-Request-Id, and those of an allowed origin.
  Visit(std::shared_ptr<http::Exchange> exchange, AccessEntry entry, http::Headers headers, Records records);
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;
  ~Visit();

  [[nodiscard]] const std::string& id() const { return id_; }
  /// For back pressure (unsent(), when_unsent_at_most()); answers go through this class.
  [[nodiscard]] http::Exchange& exchange() { return *exchange_; }

  /// What the guard and the policy say: X-Holisafe-Action of the answer, the access log, the metrics.
  void decided(const policy::Policy& policy, const RequestDecision& decided);
  /// The model begins with it, or with the first of its images: what it waited for a place. Once.
  void admitted();
  void images(std::size_t images);
  void tokens(std::uint64_t prompt, std::uint64_t completion);

  /// The whole answer.
  void respond(http::ServerResponse response);
  void respond(int status, const Json& json);
  /// A stream's head: 200, text/event-stream. `first`: its opening chunk.
  void begin(std::string first);
  [[nodiscard]] bool begun() const;
  void send(std::string bytes);
  void finish();  ///< a stream's proper end; `[DONE]` is the caller's
  /// Before begin(): an answer of its own. Behind it: an event (on a line of its own, should an event have
  /// been cut off), and the stream's end without `[DONE]`.
  void fail(const Fault& fault);
  /// A comment, where a stream was silent for so long, between two events.
  void keep_alive(std::chrono::steady_clock::time_point now, std::chrono::steady_clock::duration silence);
  /// The client went away.
  void gone();
  [[nodiscard]] bool over() const;

 private:
  void answer(http::ServerResponse response);
  void put(std::string bytes);
  void end(int status);
  [[nodiscard]] http::Headers with_headers(http::Headers headers) const;

  const std::shared_ptr<http::Exchange> exchange_;
  const std::string id_;
  const http::Headers headers_;
  const Records records_;
  /// The whole request is there.
  const std::chrono::steady_clock::time_point accepted_ = std::chrono::steady_clock::now();

  /// Guards what follows; the exchange is called under it, so that what is sent keeps its order.
  mutable std::mutex mutex_;
  AccessEntry entry_;
  bool begun_ = false;
  bool over_ = false;
  std::string tail_;  ///< the last bytes that were sent
  std::chrono::steady_clock::time_point last_sent_{};
};

}  // namespace holisafe::serve
