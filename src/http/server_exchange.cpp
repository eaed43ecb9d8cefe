#include "http/server_exchange.h"

#include <algorithm>
#include <string>

namespace holisafe::http {
namespace {

class LoopExchange final : public Exchange {
 public:
  explicit LoopExchange(std::shared_ptr<ServerAnswer> answer) : answer_(std::move(answer)) {}
  ~LoopExchange() override {
    to_sink([](AnswerSink& sink) { sink.abort(); });
  }

  void respond(ServerResponse response) override {
    to_sink(
        [response = std::move(response)](AnswerSink& sink) mutable { sink.respond(std::move(response)); });
  }
  void begin(int status, Headers headers) override {
    to_sink([status, headers = std::move(headers)](AnswerSink& sink) { sink.begin(status, headers); });
  }
  void send(std::string bytes) override {
    if (bytes.empty() || answer_->gone) return;
    const std::size_t size = bytes.size();
    answer_->unsent += size;
    const bool taken = post([answer = answer_, bytes = std::move(bytes)]() mutable {
      if (answer->sink == nullptr) return answer->note_sent(bytes.size());
      guarded(*answer->sink, [&](AnswerSink& sink) { sink.send(std::move(bytes)); });
    });
    if (!taken) answer_->unsent -= size;
  }
  void finish() override {
    to_sink([](AnswerSink& sink) { sink.finish(); });
  }
  void abort() override {
    to_sink([](AnswerSink& sink) { sink.abort(); });
  }
  [[nodiscard]] std::size_t unsent() const override { return answer_->unsent; }

  void when_unsent_at_most(std::size_t bytes, std::function<void()> call) override {
    const auto shared = std::make_shared<std::function<void()>>(std::move(call));
    const bool taken = post([answer = answer_, bytes, shared] {
      if (answer->sink == nullptr || answer->unsent <= bytes) return (*shared)();
      answer->waiting.emplace_back(bytes, std::move(*shared));
    });
    if (!taken) (*shared)();
  }
  void when_gone(std::function<void()> call) override {
    const auto shared = std::make_shared<std::function<void()>>(std::move(call));
    const bool taken = post([answer = answer_, shared] {
      if (answer->gone) return (*shared)();
      if (answer->sink != nullptr) answer->when_gone = std::move(*shared);
    });
    if (!taken && answer_->gone) (*shared)();
  }
  [[nodiscard]] bool gone() const override { return answer_->gone; }

 private:
  template <class Call>
  bool post(Call call) {
    const auto loop = answer_->loop.lock();
    return loop && loop->post(std::move(call));
  }
  template <class Call>
  void to_sink(Call call) {
    post([answer = answer_, call = std::move(call)]() mutable {
      if (answer->sink != nullptr) guarded(*answer->sink, call);
    });
  }
  template <class Call>
  static void guarded(AnswerSink& sink, Call&& call) {
    try {
      call(sink);
    } catch (...) {
      sink.fail();
    }
  }

  std::shared_ptr<ServerAnswer> answer_;
};

}  // namespace

void ServerLoop::run() {
  // A handler's exception ends what it was called for, never the server: io_context goes on where it was.
  const auto run_all = [this] {
    for (;;) {
      try {
        io_.run();
        return;
      } catch (...) {  // NOLINT(bugprone-empty-catch)
      }
    }
  };
  run_all();
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  io_.restart();
  run_all();  // what was posted in between
}

void ServerAnswer::note_sent(std::size_t bytes) {
  const std::size_t left = unsent -= bytes;
  // A call may ask for the next one.
  std::vector<std::function<void()>> due;
  std::erase_if(waiting, [&](auto& entry) {
    if (entry.first < left) return false;
    due.push_back(std::move(entry.second));
    return true;
  });
  for (const auto& call : due) call();
}

void ServerAnswer::end(bool is_out) {
  sink = nullptr;
  const auto told = std::exchange(when_gone, nullptr);
  const auto all = std::exchange(waiting, {});
  if (!is_out) {
    gone = true;
    if (told) told();
  }
  for (const auto& entry : all) entry.second();
}

std::shared_ptr<Exchange> exchange_for(std::shared_ptr<ServerAnswer> answer) {
  return std::make_shared<LoopExchange>(std::move(answer));
}

}  // namespace holisafe::http
