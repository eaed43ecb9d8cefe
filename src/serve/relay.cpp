#include "serve/relay.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace holisafe::serve {
namespace {

constexpr std::size_t most_before_first_event = std::size_t{1} << 20;
constexpr std::size_t most_of_whole_answer = std::size_t{64} << 20;
// A client that reads slower than the upstream writes holds it back from here on, until so little is left.
constexpr std::size_t most_unsent = std::size_t{256} << 10;
constexpr std::size_t few_unsent = std::size_t{64} << 10;

/// Of a header that is passed on: visible ASCII, of a length that no honest server exceeds.
std::string passed_on(const std::string& value) {
  const bool good = value.size() <= 256 &&
                    std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; });
  return good ? value : std::string();
}

}  // namespace

void Relay::head(int status, http::Headers headers) {
  status_ = status;
  for (const auto& [name, value] : headers) {
    if (name == "content-type") content_type_ = passed_on(value);
    if (name == "retry-after") retry_after_ = passed_on(value);
  }
  const bool good = status >= 200 && status < 300;
  streams_ =
      good && addition_ && addition_->stream && ascii_lower(content_type_).starts_with("text/event-stream");
  if (status >= 300 && status < 400)
    refuse_rest({Code::upstream_error, "the upstream server sends requests elsewhere", {}});
}

bool Relay::piece(std::string_view bytes) {
  if (failed_) return true;
  return streams_ ? take_event(bytes) : take_whole(bytes);
}

bool Relay::take_whole(std::string_view bytes) {
  if (held_.size() + bytes.size() > most_of_whole_answer)
    refuse_rest({Code::upstream_error, "the upstream server's answer is too large", {}});
  else
    held_ += bytes;
  return true;
}

bool Relay::take_event(std::string_view bytes) {
  scan_.take(bytes);
  if (opened_) {
    visit_->send(std::string(bytes));
    return is_room();
  }
  held_ += bytes;
  if (scan_.first()) {
    open_stream();
  } else if (held_.size() > most_before_first_event) {
    refuse_rest({Code::upstream_error, "the upstream server's stream does not begin", {}});
  }
  return failed_ || is_room();
}

void Relay::open_stream() {
  auto first = stream_opening(*scan_.first(), *addition_);
  if (!first) return refuse_rest({Code::upstream_error, "the upstream server's first event is no JSON", {}});
  std::string_view rest = held_;
  if (rest.starts_with(byte_order_mark)) rest.remove_prefix(byte_order_mark.size());
  *first += rest;
  opened_ = true;
  visit_->begin(*std::move(first));
  held_ = {};
}

bool Relay::is_room() {
  if (visit_->exchange().unsent() <= most_unsent) return true;
  visit_->exchange().when_unsent_at_most(few_unsent, [self = weak_from_this()] {
    if (const auto relay = self.lock()) relay->resume();
  });
  return false;
}

void Relay::resume() {
  const std::lock_guard lock(mutex_);
  if (call_ != nullptr)
    call_->resume();
  else
    wants_more_ = true;
}

void Relay::call(std::unique_ptr<UpstreamCall> call) {
  {
    const std::lock_guard lock(mutex_);
    if (!given_up_) call_ = std::move(call);
    if (call_ != nullptr && wants_more_) call_->resume();
  }
  // One that was given up meanwhile ends here, under no lock.
}

void Relay::give_up() {
  std::unique_ptr<UpstreamCall> call;
  {
    const std::lock_guard lock(mutex_);
    given_up_ = true;
    call = std::move(call_);
  }
}

void Relay::end(std::optional<Fault> fault) {
  if (failed_) return;
  const bool has_all = streams_ && opened_ && scan_.done();
  if (fault && !has_all) {
    fail(*fault);
  } else {
    streams_ ? end_stream() : answer_whole();
  }
  over_();
}

void Relay::end_stream() {
  if (scan_.tokens()) visit_->tokens(scan_.tokens()->prompt, scan_.tokens()->completion);
  // A body that ends with its connection looks whole wherever it was cut. The end mark tells, and so does the
  // last choice's finish_reason: not every server writes the mark (transformers' does not).
  if (!opened_ || !(scan_.done() || scan_.finished() >= addition_->choices))
    return fail({Code::upstream_error, "the upstream server's answer was cut off", {}});
  visit_->finish();
}

void Relay::answer_whole() {
  const bool good = status_ >= 200 && status_ < 300;
  if (!addition_ || !good) return visit_->respond(response(std::move(held_)));
  std::optional<Tokens> tokens;
  auto body = with_addition(held_, *addition_, tokens);
  if (!body) return fail({Code::upstream_error, "the upstream server's answer is no JSON object", {}});
  if (tokens) visit_->tokens(tokens->prompt, tokens->completion);
  content_type_ = "application/json";
  visit_->respond(response(*std::move(body)));
}

http::ServerResponse Relay::response(std::string body) const {
  http::ServerResponse out;
  out.status = status_;
  if (!content_type_.empty()) out.headers.emplace_back("Content-Type", content_type_);
  if (!retry_after_.empty()) out.headers.emplace_back("Retry-After", retry_after_);
  out.body = std::move(body);
  return out;
}

void Relay::fail(const Fault& fault) {
  failed_ = true;
  held_ = {};
  visit_->fail(fault);
}

void Relay::refuse_rest(const Fault& fault) {
  fail(fault);
  give_up();
  over_();
}

}  // namespace holisafe::serve
