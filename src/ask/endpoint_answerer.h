// An endpoint that answers: one request a question, many under way, failed ones tried again.
#pragma once

#include <memory>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "ask/endpoint.h"
#include "chat/chat.h"

namespace holisafe::ask {

/// Errors of replies: those of reading an image, and of http::Outcome; none holds the key. A refused key
/// stops it. Answers come whole: Events hear of a text once. What is cut off after finish_only() gets no
/// reply.
class EndpointAnswerer : public chat::Answerer {
 public:
  explicit EndpointAnswerer(Endpoint endpoint) : endpoint_(std::move(endpoint)) {}

  [[nodiscard]] bool has_room() const override;
  void submit(chat::Key key, chat::Question question, chat::Events* events = nullptr) override;
  [[nodiscard]] std::size_t pending() const override;
  std::vector<std::pair<chat::Key, Result<chat::Reply>>> poll(chat::milliseconds longest) override;
  /// The request itself runs to its end.
  void cancel(chat::Key key) override;
  void finish_only() override;
  void drop_all() override;
  [[nodiscard]] std::optional<Error> stopped() const override { return stopped_; }
  [[nodiscard]] Faults faults() const override;
  [[nodiscard]] bool shares_images() const override { return false; }

 private:
  void take(chat::Key key, chat::Events* events, const http::Outcome& outcome);

  Endpoint endpoint_;
  std::vector<std::pair<chat::Key, Result<chat::Reply>>> ready_;
  std::unordered_set<chat::Key> cancelled_;
  std::optional<Error> stopped_;
  bool finishing_ = false;
};

}  // namespace holisafe::ask
