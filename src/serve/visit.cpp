#include "serve/visit.h"

#include <algorithm>
#include <utility>

namespace holisafe::serve {
namespace {

/// nginx's word for a client that went away.
constexpr int status_gone = 499;

/// Whether an event stream that ended so is between two events.
bool between_events(std::string_view tail) { return tail.ends_with("\n\n") || tail.ends_with("\r\n\r\n"); }

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

Visit::Visit(std::shared_ptr<http::Exchange> exchange, AccessEntry entry, http::Headers headers,
             Records records)
    : exchange_(std::move(exchange)),
      id_(entry.id),
      headers_(std::move(headers)),
      records_(records),
      entry_(std::move(entry)) {}

Visit::~Visit() {
  const std::lock_guard lock(mutex_);
  if (!over_) end(status_gone);
}

void Visit::decided(const policy::Policy& policy, const RequestDecision& decided) {
  for (const auto& image : decided.images) records_.metrics.decision(image.decision);
  const std::lock_guard lock(mutex_);
  entry_.action = policy::name(decided.action);
  entry_.policy = policy.name.empty() ? policy.version : policy.name + " " + policy.version;
}

void Visit::admitted() {
  const std::lock_guard lock(mutex_);
  if (over_ || entry_.queue_seconds) return;
  entry_.queue_seconds = seconds_since(accepted_);
  records_.metrics.queue_seconds(*entry_.queue_seconds);
}

void Visit::images(std::size_t images) {
  const std::lock_guard lock(mutex_);
  entry_.images = images;
}

void Visit::tokens(std::uint64_t prompt, std::uint64_t completion) {
  records_.metrics.tokens(prompt, completion);
  const std::lock_guard lock(mutex_);
  entry_.prompt_tokens = prompt;
  entry_.completion_tokens = completion;
}

void Visit::respond(http::ServerResponse response) {
  const std::lock_guard lock(mutex_);
  if (!over_ && !begun_) answer(std::move(response));
}

void Visit::respond(int status, const Json& json) {
  respond({status,
           {{"content-type", "application/json"}},
           json.dump(-1, ' ', false, Json::error_handler_t::replace)});
}

void Visit::begin(std::string first) {
  const std::lock_guard lock(mutex_);
  if (over_ || begun_) return;
  begun_ = true;
  exchange_->begin(200, with_headers({{"content-type", "text/event-stream"}, {"cache-control", "no-cache"}}));
  put(std::move(first));
  records_.metrics.first_chunk(seconds_since(entry_.begun));
}

bool Visit::begun() const {
  const std::lock_guard lock(mutex_);
  return begun_;
}

void Visit::send(std::string bytes) {
  const std::lock_guard lock(mutex_);
  if (over_ || !begun_ || bytes.empty()) return;
  put(std::move(bytes));
}

void Visit::finish() {
  const std::lock_guard lock(mutex_);
  if (over_ || !begun_) return;
  end(200);
  exchange_->finish();
}

void Visit::fail(const Fault& fault) {
  const std::lock_guard lock(mutex_);
  if (over_) return;
  records_.metrics.rejected(name(fault.code));
  if (begun_) {
    exchange_->send((between_events(tail_) ? "" : "\n\n") + fault_event(fault));
    end(200);
    return exchange_->finish();
  }
  answer(to_response(fault));
}

void Visit::keep_alive(std::chrono::steady_clock::time_point now,
                       std::chrono::steady_clock::duration silence) {
  const std::lock_guard lock(mutex_);
  if (over_ || !begun_ || now - last_sent_ < silence || !between_events(tail_)) return;
  last_sent_ = now;
  exchange_->send(std::string(comment_event));
}

void Visit::gone() {
  const std::lock_guard lock(mutex_);
  if (!over_) end(status_gone);
}

bool Visit::over() const {
  const std::lock_guard lock(mutex_);
  return over_;
}

/// With mutex_ held.
void Visit::answer(http::ServerResponse response) {
  response.headers = with_headers(std::move(response.headers));
  end(response.status);
  exchange_->respond(std::move(response));
}

/// With mutex_ held.
void Visit::put(std::string bytes) {
  last_sent_ = std::chrono::steady_clock::now();
  tail_ += bytes.substr(bytes.size() - std::min<std::size_t>(bytes.size(), 4));
  tail_.erase(0, tail_.size() - std::min<std::size_t>(tail_.size(), 4));
  exchange_->send(std::move(bytes));
}

/// With mutex_ held. Before the answer's last byte: who has it finds it counted.
void Visit::end(int status) {
  over_ = true;
  entry_.status = status;
  entry_.seconds = seconds_since(entry_.begun);
  records_.metrics.request(entry_.endpoint, status, entry_.seconds);
  records_.logs.access(entry_);
}

/// With mutex_ held.
http::Headers Visit::with_headers(http::Headers headers) const {
  headers.insert(headers.end(), headers_.begin(), headers_.end());
  if (!entry_.action.empty()) headers.emplace_back("x-holisafe-action", entry_.action);
  return headers;
}

}  // namespace holisafe::serve
