#include "ask/endpoint_answerer.h"

#include <algorithm>

namespace holisafe::ask {

bool EndpointAnswerer::has_room() const {
  return !stopped_ && ready_.empty() && endpoint_.client().has_room();
}

std::size_t EndpointAnswerer::pending() const { return endpoint_.client().pending() + ready_.size(); }

Faults EndpointAnswerer::faults() const { return endpoint_.client().faults(); }

void EndpointAnswerer::submit(chat::Key key, chat::Question question, chat::Events* events) {
  auto request = endpoint_.ask(std::move(question));
  if (!request) {
    ready_.emplace_back(key, fail(std::move(request).error()));
    return;
  }
  endpoint_.client().submit(
      *std::move(request), [this, key, events](const http::Outcome& outcome) { take(key, events, outcome); });
}

void EndpointAnswerer::take(chat::Key key, chat::Events* events, const http::Outcome& outcome) {
  if (cancelled_.erase(key) > 0) return;
  if (outcome.error && outcome.error->kind == ErrorKind::unauthorized) {
    // Says nothing of the question: it stays pending.
    if (!stopped_) stopped_ = outcome.error;
    endpoint_.client().drop_all();
    return;
  }
  auto reply = endpoint_.reply(outcome);
  // What was cut off by the end of the asking is asked again by the next one, and not called a failure.
  if (!reply && finishing_) return;
  if (reply && events != nullptr) events->text(reply->text);
  ready_.emplace_back(key, std::move(reply));
}

std::vector<std::pair<chat::Key, Result<chat::Reply>>> EndpointAnswerer::poll(chat::milliseconds longest) {
  if (ready_.empty()) endpoint_.client().poll(longest);
  return std::exchange(ready_, {});
}

void EndpointAnswerer::cancel(chat::Key key) {
  const auto place =
      std::find_if(ready_.begin(), ready_.end(), [key](const auto& each) { return each.first == key; });
  if (place != ready_.end()) {
    ready_.erase(place);
  } else {
    cancelled_.insert(key);
  }
}

void EndpointAnswerer::finish_only() {
  finishing_ = true;
  endpoint_.client().finish_only();
}

void EndpointAnswerer::drop_all() {
  endpoint_.client().drop_all();
  ready_.clear();
  cancelled_.clear();
}

}  // namespace holisafe::ask
