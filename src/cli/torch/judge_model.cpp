// The local judge of `bench judge`: a checkpoint that answers greedily.
#include "cli/torch/judge_model.h"

#include <memory>
#include <optional>

#include "engine/boundary.h"
#include "engine/engine.h"
#include "image/image.h"

namespace holisafe::cli {
namespace {

/// Questions about one image that follow each other share what the model has read of it.
class JudgeModel {
 public:
  explicit JudgeModel(engine::Engine engine) : engine_(std::move(engine)) {}

  Result<std::string> answer(const judge::Question& question) {
    HOLISAFE_CHECK(read(question.image));
    HOLISAFE_TRY(auto prefill, engine_.prefill(*prefix_, chat::single_turn({chat::Image{}}, question.text)));
    engine::GenerateOptions options;
    options.max_new_tokens = judge::max_answer_tokens;
    HOLISAFE_TRY(auto answers, engine_.generate(std::move(prefill), options));
    return std::move(answers.front().text);
  }

 private:
  Result<void> read(const std::string& image) {
    if (prefix_ && image == image_) return {};
    prefix_.reset();
    HOLISAFE_TRY(const image::Image picture, image::decode(std::as_bytes(std::span(image)), {}, "image"));
    HOLISAFE_TRY(auto processed, engine_.process(picture));
    HOLISAFE_TRY(prefix_, engine_.read_images({std::move(processed)}, std::nullopt));
    image_ = image;
    return {};
  }

  engine::Engine engine_;
  std::string image_;
  std::optional<engine::ImagePrefix> prefix_;
};

}  // namespace

Result<judge::LocalAnswer> open_judge(const std::filesystem::path& folder) {
  return engine::within_boundary("judge model", [&]() -> Result<judge::LocalAnswer> {
    engine::OpenOptions options;
    options.model = folder;
    HOLISAFE_TRY(auto engine, engine::Engine::open(options));
    const auto model = std::make_shared<JudgeModel>(std::move(engine));
    return judge::LocalAnswer([model](const judge::Question& question) {
      return engine::within_boundary("judge model", [&] { return model->answer(question); });
    });
  });
}

}  // namespace holisafe::cli
