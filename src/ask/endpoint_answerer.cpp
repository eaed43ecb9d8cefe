#include "ask/endpoint_answerer.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "ask/refusal.h"

namespace holisafe::ask {

bool EndpointAnswerer::has_room() const {
  return !stopped_ && ready_.empty() && doubts_.empty() && endpoint_.client().has_room();
}

std::size_t EndpointAnswerer::pending() const {
  return endpoint_.client().pending() + ready_.size() + doubts_.size();
}

Faults EndpointAnswerer::faults() const { return endpoint_.client().faults(); }

void EndpointAnswerer::submit(chat::Key key, chat::Question question, chat::Events* events) {
  send(std::make_shared<Asked>(Asked{key, std::move(question), events}));
}

void EndpointAnswerer::send(std::shared_ptr<Asked> asked) {
  asked->sent = endpoint_.parameters();
  auto request = endpoint_.ask(asked->question);
  if (!request) {
    ready_.emplace_back(asked->key, fail(std::move(request).error()));
    return;
  }
  endpoint_.client().submit(*std::move(request), [this, asked = std::move(asked)](
                                                     const http::Outcome& outcome) { take(asked, outcome); });
}

void EndpointAnswerer::take(const std::shared_ptr<Asked>& asked, const http::Outcome& outcome) {
  if (cancelled_.erase(asked->key) > 0) return;
  auto reply = endpoint_.reply(outcome);
  if (reply) {
    answered_ = true;
    if (asked->events != nullptr) asked->events->text(reply->text);
    ready_.emplace_back(asked->key, std::move(reply));
  } else if (outcome.error && outcome.error->kind == ErrorKind::unauthorized) {
    stop(*outcome.error);
  } else if (finishing_) {
    // What was cut off by the end of the asking is asked again by the next one, and not called a failure.
  } else if (outcome.response.status == 400 && endpoint_.adapt(asked->sent, body_of(outcome.response))) {
    send(asked);
  } else if (!answered_ && is_hopeless(outcome)) {
    hopeless_tries_ += outcome.tries;
    doubts_.emplace_back(asked->key, std::move(reply));
  } else {
    ready_.emplace_back(asked->key, std::move(reply));
  }
}

/// Says nothing of the questions under way: they stay pending.
void EndpointAnswerer::stop(Error error) {
  if (!stopped_) stopped_ = std::move(error);
  endpoint_.client().drop_all();
  doubts_.clear();
}

/// Everything under way has ended. One refusal alone may be about its own question.
void EndpointAnswerer::settle_doubts() {
  constexpr unsigned enough = 2;
  if (!answered_ && hopeless_tries_ >= enough) {
    stop(doubts_.front().second.error());
    return;
  }
  for (auto& doubt : doubts_) ready_.push_back(std::move(doubt));
  doubts_.clear();
}

std::vector<std::pair<chat::Key, Result<chat::Reply>>> EndpointAnswerer::poll(chat::milliseconds longest) {
  if (ready_.empty()) endpoint_.client().poll(longest);
  if (!doubts_.empty() && endpoint_.client().pending() == 0) settle_doubts();
  return std::exchange(ready_, {});
}

void EndpointAnswerer::cancel(chat::Key key) {
  const auto is_it = [key](const auto& each) { return each.first == key; };
  if (std::erase_if(ready_, is_it) + std::erase_if(doubts_, is_it) == 0) cancelled_.insert(key);
}

void EndpointAnswerer::finish_only() {
  finishing_ = true;
  endpoint_.client().finish_only();
}

void EndpointAnswerer::drop_all() {
  endpoint_.client().drop_all();
  ready_.clear();
  doubts_.clear();
  cancelled_.clear();
}

}  // namespace holisafe::ask
