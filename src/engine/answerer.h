// A local checkpoint that answers questions, one after the other.
//
//   auto answerer = LocalAnswerer(*open_engine({.model = "SafeLLaVA-7B"}), nullptr);
//   answerer.submit(1, chat::question_of({chat::Image{"a.png"}, "What is this?"}, {}));
//   auto replies = answerer.poll(milliseconds(0));
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/progress.h"
#include "chat/chat.h"
#include "engine/engine.h"

namespace holisafe::engine {

/// Questions about the same images, asked one after the other, share what the model has read of them, and the
/// guard's verdict on them. A reply's error is that of reading an image or of the engine.
class LocalAnswerer final : public chat::Answerer {
 public:
  /// Where `stop` is urgent, the answer under way is given up.
  LocalAnswerer(Engine engine, const StopFlag* stop) : engine_(std::move(engine)), stop_(stop) {}

  [[nodiscard]] const Engine& engine() const { return engine_; }

  [[nodiscard]] bool has_room() const override { return asked_.empty(); }
  void submit(chat::Key key, chat::Question question, chat::Events* events) override;
  [[nodiscard]] std::size_t pending() const override { return asked_.size(); }
  /// Answers one question, however long it takes.
  std::vector<std::pair<chat::Key, Result<chat::Reply>>> poll(chat::milliseconds longest) override;
  void cancel(chat::Key key) override;
  void finish_only() override { asked_.clear(); }
  void drop_all() override { asked_.clear(); }
  [[nodiscard]] std::optional<Error> stopped() const override { return std::nullopt; }
  [[nodiscard]] Faults faults() const override { return {}; }
  [[nodiscard]] bool shares_images() const override { return true; }

 private:
  struct Asked {
    chat::Key key;
    chat::Question question;
    chat::Events* events;
  };
  /// The images read last, or why they could not be.
  struct Known {
    std::optional<std::string> system;
    std::vector<chat::Image> images;
    Result<ImagePrefix> prefix;
  };

  Result<chat::Reply> answer(const Asked& asked);
  Result<Prefill> prefill(const chat::Conversation& conversation);
  const Result<ImagePrefix>& read(const chat::Conversation& conversation);

  Engine engine_;
  const StopFlag* stop_;
  std::deque<Asked> asked_;
  std::optional<Known> known_;
};

/// What generate() is told of a question.
GenerateOptions options_of(const chat::Generation& how);

}  // namespace holisafe::engine
