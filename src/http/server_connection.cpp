#include "http/server_connection.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <poll.h>

#include "http/server_head.h"

namespace holisafe::http {
namespace {

using boost::system::error_code;
using std::chrono::milliseconds;

constexpr std::size_t most_ahead = std::size_t{64}
                                   << 10;  ///< bytes read beyond a request that is being answered
constexpr std::uint64_t short_body = std::uint64_t{64}
                                     << 10;  ///< is read to keep the connection, though not wanted
constexpr std::size_t most_pieces = 32;      ///< written at once
constexpr milliseconds linger_time{5'000};
constexpr milliseconds watch_time{1'000};

std::string chunk_size(std::size_t bytes) {
  std::array<char, 20> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), bytes, 16).ptr;
  return std::string(text.data(), end) + "\r\n";
}

}  // namespace

ServerConnection::ServerConnection(ServerHost& host, std::unique_ptr<ServerWire> wire)
    : host_(host),
      wire_(std::move(wire)),
      reader_(host.options.max_header_bytes, host.options.max_body_bytes),
      timer_(host.loop->io()),
      watch_(host.loop->io()) {}

/// An exception, of a handler or for want of memory, ends this connection alone.
template <class Call>
void ServerConnection::guarded(Call call) {
  if (stage_ == Stage::ended) return;
  const auto self = shared_from_this();
  try {
    call();
  } catch (...) {
    end(false);
  }
}

void ServerConnection::start(bool is_too_many) {
  is_too_many_ = is_too_many;
  const auto self = shared_from_this();
  expect_within(Deadline::open,
                is_too_many ? std::min(linger_time, host_.options.read_timeout) : host_.options.read_timeout);
  wire_->open([self](const error_code& ec) {
    self->guarded([&] {
      if (ec) return self->end(false);
      if (self->is_too_many_) return self->turn_away(ServerFault::too_many_connections);
      self->stage_ = Stage::reading;
      self->deadline_ = Deadline::request;  // the same: from accepting it
      self->advance();
    });
  });
}

void ServerConnection::end_if_idle() {
  guarded([this] {
    if (stage_ == Stage::reading && has_served_ && !reader_.begun()) linger(End::proper);
  });
}

// ---- deadlines

void ServerConnection::expect_within(Deadline deadline, milliseconds time) {
  deadline_ = deadline;
  timer_.expires_after(time);
  timer_.async_wait([self = shared_from_this()](const error_code& ec) {
    // A wait that was replaced just as it ended finds the later time.
    if (ec || self->timer_.expiry() > std::chrono::steady_clock::now()) return;
    self->guarded([&] { self->on_deadline(); });
  });
}

void ServerConnection::expect_nothing() {
  if (deadline_ == Deadline::none) return;
  deadline_ = Deadline::none;
  timer_.cancel();
}

void ServerConnection::on_deadline() {
  switch (deadline_) {
    case Deadline::none:
      return;
    case Deadline::request:
      if (early_) {
        early_->closes = true;
        return answer_now(*std::exchange(early_, std::nullopt));
      }
      // Who said nothing asked for nothing.
      return reader_.begun() ? turn_away(ServerFault::read_timeout) : end(false);
    case Deadline::idle:
      return linger(End::proper);
    case Deadline::write:
      return end(true);  // and what the system still holds for this client goes too
    case Deadline::open:
    case Deadline::linger:
      return end(false);
  }
}

// ---- reading

void ServerConnection::start_read() {
  if (reading_ || eof_ || (stage_ != Stage::reading && stage_ != Stage::answering)) return;
  if (stage_ == Stage::answering && input_.size() >= most_ahead) return watch_unread();
  reading_ = true;
  wire_->read(asio::buffer(chunk_), [self = shared_from_this()](const error_code& ec, std::size_t bytes) {
    self->reading_ = false;
    self->guarded([&] { self->on_read(ec, bytes); });
  });
}

void ServerConnection::on_read(const error_code& ec, std::size_t bytes) {
  if (stage_ == Stage::lingering) return;
  if (ec) {
    eof_ = true;
    // A client may close its half of the connection when it has asked; whether it is there still, writing the
    // rest of a given answer finds out. One that waits has gone.
    if (stage_ == Stage::answering && given_ == Part::all) return;
    return end(false);
  }
  input_.append(chunk_.data(), bytes);
  if (stage_ == Stage::reading) return advance();
  start_read();
}

/// A client that sent so much ahead that no more is read is asked now and then whether it is there.
void ServerConnection::watch_unread() {
  watch_.expires_after(watch_time);
  watch_.async_wait([self = shared_from_this()](const error_code& ec) {
    if (ec || self->stage_ != Stage::answering || self->input_.size() < most_ahead) return;
    self->guarded([&] {
      pollfd socket{self->wire_->socket().native_handle(), POLLRDHUP, 0};
      if (::poll(&socket, 1, 0) > 0 && self->given_ != Part::all) return self->end(false);
      self->watch_unread();
    });
  });
}

void ServerConnection::advance() {
  while (stage_ == Stage::reading) {
    switch (reader_.read(input_)) {
      case RequestReader::Step::more:
        return wait_for_more();
      case RequestReader::Step::head:
        if (answer_head_alone()) return;
        break;
      case RequestReader::Step::whole:
        hand_over();
        break;
      case RequestReader::Step::fault:
        turn_away(reader_.fault());
        break;
    }
  }
}

void ServerConnection::wait_for_more() {
  if (eof_) return end(false);
  hold(reader_.held_bytes());
  if (held_ > 0 && host_.held_bytes > host_.options.max_held_bytes) return turn_away(ServerFault::no_room);
  if (!reader_.begun() && has_served_) {
    if (host_.ends_kept) return linger(End::proper);
    if (deadline_ != Deadline::idle) expect_within(Deadline::idle, host_.options.idle_timeout);
  } else if (deadline_ != Deadline::request) {
    expect_within(Deadline::request, host_.options.read_timeout);
  }
  start_read();
}

void ServerConnection::hold(std::size_t bytes) {
  host_.held_bytes = host_.held_bytes - held_ + bytes;
  held_ = bytes;
}

/// Whether the request was answered unread.
bool ServerConnection::answer_head_alone() {
  std::optional<ServerResponse> response = host_.handler.accept(reader_.request());
  const auto body = reader_.body_bytes();
  const bool has_none = body && *body == 0;
  if (response) {
    // A client that waits for leave to send its body does not send it now.
    if (has_none || (body && *body <= short_body && !reader_.waits_for_continue())) {
      early_ = std::move(response);
      reader_.drop_body();
      return false;
    }
    response->closes = true;
    answer_now(std::move(*response));
    return true;
  }
  if (reader_.waits_for_continue() && !has_none && input_.empty()) {
    push("HTTP/1.1 100 Continue\r\n\r\n");
    flush();
  }
  return false;
}

void ServerConnection::hand_over() {
  if (early_) return answer_now(*std::exchange(early_, std::nullopt));
  start_answer();
  keeps_ = reader_.keeps_connection();
  bodiless_ = reader_.request().method == "HEAD";
  const auto answer = answer_;
  host_.handler.handle(reader_.take(), exchange_for(answer));
  start_read();
  if (!eof_) return;
  // The client's half was closed before: what the handler says at once still goes out.
  asio::post(host_.loop->io(), [self = shared_from_this(), answer] {
    if (self->answer_ == answer && self->given_ != Part::all) self->end(false);
  });
}

void ServerConnection::turn_away(ServerFault fault) {
  ServerResponse response = host_.handler.fault(fault, reader_.request());
  response.closes = true;
  answer_now(std::move(response));
}

// ---- answering

void ServerConnection::start_answer() {
  stage_ = Stage::answering;
  hold(0);
  expect_nothing();
  answer_ = std::make_shared<ServerAnswer>(host_.loop);
  answer_->sink = this;
  early_.reset();
  given_ = Part::nothing;
  end_ = End::proper;
  chunked_ = false;
  ++host_.under_way;
}

/// An answer of the server's own, or of accept().
void ServerConnection::answer_now(ServerResponse response) {
  start_answer();
  keeps_ = reader_.keeps_connection();
  bodiless_ = reader_.request().method == "HEAD";
  respond(std::move(response));
  start_read();
}

void ServerConnection::respond(ServerResponse response) {
  if (given_ != Part::nothing) return;
  given_ = Part::all;
  keeps_ = keeps_ && !response.closes && !host_.ends_kept;
  push(answer_head(response.status, response.headers,
                   {.length = response.body.size(), .keeps = keeps_, .http11 = reader_.is_http11()}));
  if (!bodiless_ && has_body(response.status)) push(std::move(response.body));
  flush();
}

void ServerConnection::begin(int status, const Headers& headers) {
  if (given_ != Part::nothing) return;
  given_ = Part::body;
  chunked_ = reader_.is_http11();
  keeps_ = keeps_ && chunked_ && !host_.ends_kept;
  bodiless_ = bodiless_ || !has_body(status);
  push(answer_head(status, headers, {.chunked = chunked_, .keeps = keeps_, .http11 = reader_.is_http11()}));
  flush();
}

void ServerConnection::send(std::string bytes) {
  const std::size_t size = bytes.size();
  if (given_ != Part::body || bodiless_) return answer_->note_sent(size);
  if (chunked_) push(chunk_size(size));
  push(std::move(bytes), true);
  if (chunked_) push("\r\n");
  flush();
}

void ServerConnection::finish() {
  if (given_ != Part::body) return;
  given_ = Part::all;
  if (chunked_ && !bodiless_) push("0\r\n\r\n");
  flush();
}

void ServerConnection::abort() {
  if (given_ == Part::all) return;
  // What is closed by its end alone must not look as if that were it.
  end_ = given_ == Part::body && !chunked_ ? End::reset : End::cut_off;
  given_ = Part::all;
  keeps_ = false;
  flush();
}

void ServerConnection::push(std::string bytes, bool counted) {
  if (!bytes.empty()) out_.push_back({std::move(bytes), counted});
}

void ServerConnection::flush() {
  if (writing_ || stage_ == Stage::ended) return;
  if (out_.empty()) {
    if (stage_ != Stage::answering) return;
    if (given_ == Part::all) return answered();
    return expect_nothing();  // the handler takes its time
  }
  std::vector<asio::const_buffer> pieces;
  for (std::size_t i = 0; i < std::min(out_.size(), most_pieces); ++i)
    pieces.push_back(asio::buffer(out_[i].bytes));
  pieces[0] += out_at_;
  writing_ = true;
  if (stage_ == Stage::answering) expect_within(Deadline::write, host_.options.write_timeout);
  wire_->write(pieces, [self = shared_from_this()](const error_code& ec, std::size_t bytes) {
    self->writing_ = false;
    self->guarded([&] { self->on_written(ec, bytes); });
  });
}

void ServerConnection::on_written(const error_code& ec, std::size_t bytes) {
  if (ec) return end(false);
  std::size_t counted = 0;
  while (bytes > 0) {
    Out& first = out_.front();
    const std::size_t part = std::min(bytes, first.bytes.size() - out_at_);
    if (first.counted) counted += part;
    bytes -= part;
    out_at_ += part;
    if (out_at_ < first.bytes.size()) break;
    out_.pop_front();
    out_at_ = 0;
  }
  if (counted > 0) answer_->note_sent(counted);
  flush();
}

/// The answer is out.
void ServerConnection::answered() {
  const auto answer = std::exchange(answer_, nullptr);
  --host_.under_way;
  has_served_ = true;
  expect_nothing();
  if (keeps_ && !host_.ends_kept) {
    reader_.reset();
    stage_ = Stage::reading;
  } else {
    linger(end_);
  }
  answer->end(true);
  if (stage_ == Stage::reading) advance();
}

// ---- the end

/// Closes so that the client gets all that was written: a close with bytes unread would take it back.
void ServerConnection::linger(End how) {
  if (how == End::reset) return end(true);
  stage_ = Stage::lingering;
  expect_within(Deadline::linger, linger_time);
  input_.clear();
  watch_.cancel();
  error_code ec;
  wire_->socket().cancel(ec);
  if (how == End::cut_off) return half_close();
  wire_->say_end(
      [self = shared_from_this()](const error_code&) { self->guarded([&] { self->half_close(); }); });
}

void ServerConnection::half_close() {
  error_code ec;
  wire_->socket().shutdown(asio::ip::tcp::socket::shutdown_send, ec);
  discard();
}

void ServerConnection::discard() {
  wire_->socket().async_read_some(asio::buffer(chunk_),
                                  [self = shared_from_this()](const error_code& ec, std::size_t) {
                                    self->guarded([&] { ec ? self->end(false) : self->discard(); });
                                  });
}

void ServerConnection::end(bool with_reset) {
  if (stage_ == Stage::ended) return;
  const auto self = shared_from_this();
  stage_ = Stage::ended;
  hold(0);
  timer_.cancel();
  watch_.cancel();
  error_code ec;
  if (with_reset) wire_->socket().set_option(asio::socket_base::linger(true, 0), ec);
  wire_->socket().close(ec);
  host_.connections.erase(self);
  host_.open = host_.connections.size();
  const auto answer = std::exchange(answer_, nullptr);
  if (!answer) return;
  --host_.under_way;
  std::size_t lost = 0;
  for (std::size_t i = 0; i < out_.size(); ++i) {
    if (out_[i].counted) lost += out_[i].bytes.size() - (i == 0 ? out_at_ : 0);
  }
  answer->unsent -= lost;
  answer->end(false);
}

}  // namespace holisafe::http
