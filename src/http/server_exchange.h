// What stands between a handler, on any thread, and the connection its answer goes to. Included by the
// server's own files alone.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "http/server.h"

namespace holisafe::http {

/// The server's one thread, as others see it.
class ServerLoop {
 public:
  /// Runs `call` on the thread, soon. False, and it is not run, after the thread's end. Thread-safe.
  template <class Call>
  bool post(Call call) {
    const std::lock_guard lock(mutex_);
    if (ended_) return false;
    boost::asio::post(io_, std::move(call));
    return true;
  }
  boost::asio::io_context& io() { return io_; }
  void run();  ///< until nothing is left to do

 private:
  boost::asio::io_context io_{1};
  std::mutex mutex_;
  bool ended_ = false;
};

/// Where an answer goes. On the server's thread alone.
class AnswerSink {
 public:
  virtual void respond(ServerResponse response) = 0;
  virtual void begin(int status, const Headers& headers) = 0;
  virtual void send(std::string bytes) = 0;
  virtual void finish() = 0;
  virtual void abort() = 0;  ///< also what is left of an exchange that nobody holds any more
  virtual void fail() = 0;   ///< one of the others threw

 protected:
  ~AnswerSink() = default;
};

/// One answer, shared by its exchange and its connection.
struct ServerAnswer {
  explicit ServerAnswer(std::weak_ptr<ServerLoop> server_loop) : loop(std::move(server_loop)) {}

  const std::weak_ptr<ServerLoop> loop;
  std::atomic<std::size_t> unsent{0};
  std::atomic<bool> gone{false};

  // On the server's thread alone.
  AnswerSink* sink = nullptr;  ///< null once the answer is out, or the client has gone
  std::function<void()> when_gone;
  std::vector<std::pair<std::size_t, std::function<void()>>> waiting;  ///< for so few unsent bytes

  /// So many bytes given to send() went out, or never will.
  void note_sent(std::size_t bytes);
  /// The connection's last word: the answer is out, or the client has gone before.
  void end(bool is_out);
};

/// The handler's side of it.
std::shared_ptr<Exchange> exchange_for(std::shared_ptr<ServerAnswer> answer);

}  // namespace holisafe::http
