#include "cli/torch/model_responder.h"

#include <deque>
#include <optional>
#include <thread>
#include <utility>

#include "base/file.h"
#include "cli/torch/model_flags.h"
#include "engine/boundary.h"
#include "engine/engine.h"
#include "image/image.h"

namespace holisafe::cli {
namespace {

using store::Answer;
using store::AnswerState;

/// Sets `hurry` when a second Ctrl-C comes, which the thread that decodes cannot see.
class Watcher {
 public:
  Watcher(const StopFlag* stop, StopFlag& hurry) {
    if (stop == nullptr) return;
    thread_ = std::jthread([stop, &hurry](const std::stop_token& end) {
      while (!end.stop_requested() && !stop->urgent()) std::this_thread::sleep_for(runs::milliseconds(50));
      if (stop->urgent()) hurry.request();
    });
  }

 private:
  std::jthread thread_;
};

class ModelResponder : public runs::Responder {
 public:
  ModelResponder(engine::Engine engine, runs::ResponderSettings settings)
      : engine_(std::move(engine)), settings_(std::move(settings)), watcher_(settings_.stop, hurry_) {
    if (!settings_.prompt.system.empty()) system_ = settings_.prompt.system;
  }

  [[nodiscard]] bool groups_images() const override { return true; }
  [[nodiscard]] bool has_room() const override { return questions_.empty(); }
  [[nodiscard]] std::size_t pending() const override { return questions_.size(); }
  [[nodiscard]] std::optional<Error> stopped() const override { return std::nullopt; }
  [[nodiscard]] Faults faults() const override { return {}; }

  void ask(std::vector<store::Row> rows) override {
    prefix_.reset();
    questions_.assign(std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
  }

  /// Answers one question, however long it takes.
  store::RunStore::Answers poll(runs::milliseconds) override {
    store::RunStore::Answers out;
    if (questions_.empty()) return out;
    const store::Row row = std::move(questions_.front());
    questions_.pop_front();
    auto answer = engine::within_boundary("cannot answer", [&] { return answer_to(row.sample); });
    if (answer) {
      out.emplace_back(row.key(), *std::move(answer));
    } else if (answer.error().kind != ErrorKind::interrupted) {
      out.emplace_back(row.key(),
                       Answer{AnswerState::unanswered, "", "", answer.error().message(), std::nullopt});
    }
    return out;
  }

  void finish_only() override { questions_.clear(); }
  void drop_all() override { questions_.clear(); }

 private:
  Result<engine::ImagePrefix> read(const std::string& image) const {
    HOLISAFE_TRY(const auto path, resolve_beneath(settings_.images, image));
    HOLISAFE_TRY(auto processed, engine_.load(chat::Image{path, nullptr}, {}));
    return engine_.read_images({std::move(processed)}, system_);
  }

  Result<Answer> answer_to(const store::Sample& sample) {
    if (!prefix_)
      prefix_ = engine::within_boundary("cannot read image", [&] { return read(sample.images().front()); });
    if (!*prefix_) return fail(prefix_->error());
    const engine::ImagePrefix& prefix = **prefix_;
    HOLISAFE_TRY(auto prefill,
                 engine_.prefill(prefix, chat::single_turn({chat::Image{}}, sample.query, system_)));
    engine::GenerateOptions options;
    options.max_new_tokens = settings_.prompt.max_new_tokens;
    options.interrupted = [this] { return hurry_.requested(); };
    HOLISAFE_TRY(auto answers, engine_.generate(std::move(prefill), options));
    engine::Answer& answer = answers.front();
    if (answer.finish_reason == engine::FinishReason::interrupted)
      return fail(ErrorKind::interrupted, "interrupted", sample.images().front());
    Answer out{AnswerState::answered, std::move(answer.text), std::string(engine::name(answer.finish_reason)),
               "", std::nullopt};
    if (prefix.verdict)
      out.verdict = taxonomy::Verdict{.scores = prefix.verdict->scores, .label = prefix.verdict->label};
    return out;
  }

  engine::Engine engine_;
  runs::ResponderSettings settings_;
  std::optional<std::string> system_;
  std::deque<store::Row> questions_;  ///< of one image
  std::optional<Result<engine::ImagePrefix>>
      prefix_;  ///< of that image; nothing before the first of its questions
  StopFlag hurry_;
  Watcher watcher_;
};

}  // namespace

Result<std::unique_ptr<runs::Responder>> open_model_responder(runs::ResponderSettings settings) {
  return engine::within_boundary("cannot load", [&]() -> Result<std::unique_ptr<runs::Responder>> {
    HOLISAFE_TRY(auto engine, open_engine(settings.local));
    say_hardware(engine);
    return std::make_unique<ModelResponder>(std::move(engine), std::move(settings));
  });
}

}  // namespace holisafe::cli
