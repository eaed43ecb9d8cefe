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
/// stops it. So do, as long as no question has been answered, refusals that say that none will be
/// (is_hopeless()): after the first no more questions are taken until what is under way has ended. Of a
/// parameter that the model does not take, the question is sent again without it. Answers come whole: Events
/// hear of a text once. What is cut off after finish_only() gets no reply.
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
  /// A question under way; kept to be sent again in another form.
  struct Asked {
    chat::Key key = 0;
    chat::Question question;
    chat::Events* events = nullptr;
    Parameters sent = {};
  };
  void send(std::shared_ptr<Asked> asked);
  void take(const std::shared_ptr<Asked>& asked, const http::Outcome& outcome);
  void stop(Error error);
  void settle_doubts();

  Endpoint endpoint_;
  std::vector<std::pair<chat::Key, Result<chat::Reply>>> ready_;
  std::unordered_set<chat::Key> cancelled_;
  std::optional<Error> stopped_;
  bool finishing_ = false;
  bool answered_ = false;  ///< at least one question was
  /// Questions whose refusal says that none will be answered, until that is known of all under way.
  std::vector<std::pair<chat::Key, Result<chat::Reply>>> doubts_;
  unsigned hopeless_tries_ = 0;
};

}  // namespace holisafe::ask
