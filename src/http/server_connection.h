// One connection: reads requests, one after the other, and writes their answers. Included by the server's own
// files alone.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "http/server_exchange.h"
#include "http/server_reader.h"
#include "http/server_wire.h"

namespace holisafe::http {

class ServerConnection;

/// What the connections of a server share.
struct ServerHost {
  ServerOptions options;
  Handler& handler;
  std::shared_ptr<ServerLoop> loop;
  std::atomic<std::size_t> open{0};
  std::atomic<std::size_t> under_way{0};
  std::atomic<bool> ends_kept{false};
  // On the server's thread alone.
  std::unordered_set<std::shared_ptr<ServerConnection>> connections = {};
  std::uint64_t held_bytes = 0;  ///< of bodies that are being read
};

/// On the server's thread alone. The host keeps it until its end.
class ServerConnection final : public std::enable_shared_from_this<ServerConnection>, private AnswerSink {
 public:
  ServerConnection(ServerHost& host, std::unique_ptr<ServerWire> wire);

  /// Serves it; with `is_too_many` it is told so and closed.
  void start(bool is_too_many);
  void end_if_idle();
  /// Ends at once.
  void cut() { end(false); }

 private:
  enum class Stage { opening, reading, answering, lingering, ended };
  enum class Deadline { none, open, request, idle, write, linger };
  enum class Part { nothing, body, all };  ///< of an answer: what has been given
  enum class End { proper, cut_off, reset };
  struct Out {
    std::string bytes;
    bool counted = false;  ///< as unsent
  };

  void respond(ServerResponse response) override;
  void begin(int status, const Headers& headers) override;
  void send(std::string bytes) override;
  void finish() override;
  void abort() override;
  void fail() override { end(false); }

  template <class Call>
  void guarded(Call call);
  void expect_within(Deadline deadline, std::chrono::milliseconds time);
  void expect_nothing();
  void on_deadline();
  void start_read();
  void on_read(const boost::system::error_code& ec, std::size_t bytes);
  void watch_unread();
  void advance();
  void wait_for_more();
  void hold(std::size_t bytes);
  bool answer_head_alone();
  void hand_over();
  void turn_away(ServerFault fault);
  void answer_now(ServerResponse response);
  void start_answer();
  void push(std::string bytes, bool counted = false);
  void flush();
  void on_written(const boost::system::error_code& ec, std::size_t bytes);
  void answered();
  void linger(End how);
  void half_close();
  void discard();
  void end(bool with_reset);

  ServerHost& host_;
  std::unique_ptr<ServerWire> wire_;
  RequestReader reader_;
  boost::asio::steady_timer timer_;
  boost::asio::steady_timer watch_;
  std::string input_;
  std::array<char, std::size_t{16} << 10> chunk_{};
  std::deque<Out> out_;
  std::size_t held_ = 0;    ///< bytes of a body that is being read, as the host counts them
  std::size_t out_at_ = 0;  ///< bytes of the first of them that are written
  std::shared_ptr<ServerAnswer> answer_;
  std::optional<ServerResponse> early_;  ///< to be sent when the rest of a short body was read
  Stage stage_ = Stage::opening;
  Deadline deadline_ = Deadline::none;
  Part given_ = Part::nothing;
  End end_ = End::proper;
  bool is_too_many_ = false;
  bool reading_ = false;
  bool writing_ = false;
  bool eof_ = false;
  bool keeps_ = false;
  bool chunked_ = false;
  bool bodiless_ = false;
  bool has_served_ = false;
};

}  // namespace holisafe::http
