// A local model asked for its guard's verdict alone: what it says of a picture is what `holisafe guard
// --json` prints.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "chat/chat.h"

namespace holisafe::runs {

/// Each question is about its first image, and costs no more than the verdict does. Errors of replies: the
/// model's; missing (it gave no verdict).
class VerdictAnswerer final : public chat::Answerer {
 public:
  explicit VerdictAnswerer(std::unique_ptr<chat::Answerer> model) : model_(std::move(model)) {}

  [[nodiscard]] bool has_room() const override { return model_->has_room(); }
  void submit(chat::Key key, chat::Question question, chat::Events* events = nullptr) override;
  [[nodiscard]] std::size_t pending() const override { return model_->pending(); }
  std::vector<std::pair<chat::Key, Result<chat::Reply>>> poll(chat::milliseconds longest) override;
  void cancel(chat::Key key) override;
  void finish_only() override { model_->finish_only(); }
  void drop_all() override;
  [[nodiscard]] std::optional<Error> stopped() const override { return model_->stopped(); }
  [[nodiscard]] Faults faults() const override { return model_->faults(); }
  [[nodiscard]] bool shares_images() const override { return false; }

 private:
  std::unique_ptr<chat::Answerer> model_;
  std::map<chat::Key, std::string> paths_;  ///< of the pictures asked about
};

}  // namespace holisafe::runs
