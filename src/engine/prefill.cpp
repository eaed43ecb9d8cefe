#include <utility>

#include <fmt/format.h>

#include "engine/boundary.h"
#include "engine/device.h"
#include "engine/engine.h"
#include "engine/pass.h"
#include "models/prompt.h"

namespace holisafe::engine {
namespace {

constexpr const char* run_failure = "cannot run the model";

std::vector<const models::Prompt*> pointers(std::span<const models::Prompt> prompts) {
  std::vector<const models::Prompt*> out;
  for (const models::Prompt& prompt : prompts) out.push_back(&prompt);
  return out;
}

/// i64 [1 or 3, B, 1]: where each sequence goes on.
torch::Tensor next_positions(std::span<const models::Prompt> prompts, torch::Device device) {
  std::vector<std::int64_t> next;
  for (const models::Prompt& prompt : prompts) next.push_back(prompt.next_position);
  const auto column = torch::tensor(next, torch::kInt64).view({1, -1, 1}).to(device);
  return column.expand({prompts.front().positions.size(0), -1, -1}).contiguous();
}

torch::Tensor last_logits(const models::Model& model, const torch::Tensor& hidden_states) {
  return model.decoder().logits(hidden_states.select(1, -1)).to(torch::kFloat32);
}

/// A prompt that the model's context holds.
Result<models::Prompt> rendered(const models::Model& model, const chat::Conversation& conversation,
                                std::span<const models::ProcessedImage> images) {
  HOLISAFE_TRY(auto prompt, model.render(conversation, images));
  HOLISAFE_CHECK(models::check_context(prompt, model.info()));
  return prompt;
}

/// What a prompt about images begins with.
chat::Conversation images_alone(std::size_t images, std::optional<std::string> system) {
  return chat::single_turn(std::vector<chat::Image>(images), "", std::move(system));
}

}  // namespace

Result<std::vector<taxonomy::Verdict>> Engine::verdicts(
    std::span<const models::ProcessedImage> images) const {
  HOLISAFE_TRY(const auto judged, pooled_verdicts(images));
  std::vector<taxonomy::Verdict> out;
  for (const PooledVerdict& each : judged) out.push_back(each.verdict);
  return out;
}

Result<std::vector<PooledVerdict>> Engine::pooled_verdicts(
    std::span<const models::ProcessedImage> images) const {
  return within_boundary(run_failure, [&]() -> Result<std::vector<PooledVerdict>> {
    if (!guard_)
      return fail(ErrorKind::missing, "cannot judge images", "", "the model has no guard and none was given");
    const ThreadScope threads(threads_);
    const c10::InferenceMode inference;
    const auto features = model_->encode_images(images);
    std::vector<torch::Tensor> pooled;
    if (pools(models::GuardPooling::last_hidden)) {
      HOLISAFE_TRY(pooled, pooled_after(images, features));
    } else {
      for (const auto& one : features) pooled.push_back(guard::pool_features(std::span(&one, 1)));
    }
    std::vector<PooledVerdict> out;
    for (torch::Tensor& one : pooled) {
      HOLISAFE_TRY(const auto verdict, guard_->judge(one));
      out.push_back({verdict, std::move(one)});
    }
    return out;
  });
}

Result<std::vector<torch::Tensor>> Engine::pooled_after(std::span<const models::ProcessedImage> images,
                                                        std::span<const torch::Tensor> features) const {
  std::vector<models::Prompt> prompts;
  for (const auto& image : images) {
    HOLISAFE_TRY(auto prompt, rendered(*model_, images_alone(1, {}), std::span(&image, 1)));
    prompts.push_back(models::up_to_images(std::move(prompt)));
  }
  const Pass pass = run_prompts(*model_, pointers(prompts), features, nullptr);
  std::vector<torch::Tensor> out;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const auto row = pass.hidden_states[static_cast<std::int64_t>(i)];
    out.push_back(guard::pool_hidden(row.slice(0, row.size(0) - prompts[i].length()), prompts[i].spans));
  }
  return out;
}

Result<std::optional<taxonomy::Verdict>> Engine::verdict_of(const Request& request,
                                                            const models::Prompt& prompt,
                                                            const torch::Tensor& hidden_states,
                                                            std::span<const torch::Tensor> features) const {
  if (request.conversation.images_first() || !pools(models::GuardPooling::last_hidden))
    return judge(*guard_, prompt, hidden_states, features);
  HOLISAFE_TRY(auto alone, rendered(*model_, images_alone(request.images.size(), request.conversation.system),
                                    request.images));
  alone = models::up_to_images(std::move(alone));
  const models::Prompt* const only = &alone;
  const Pass pass = run_prompts(*model_, std::span(&only, 1), features, nullptr);
  return judge(*guard_, alone, pass.hidden_states[0], features);
}

Result<Prefill> Engine::prefill(std::span<const Request> requests) const {
  return within_boundary(run_failure, [&]() -> Result<Prefill> {
    const ThreadScope threads(threads_);
    const c10::InferenceMode inference;
    std::vector<models::Prompt> prompts;
    std::vector<models::ProcessedImage> images;
    for (const Request& request : requests) {
      HOLISAFE_TRY(auto prompt, rendered(*model_, request.conversation, request.images));
      prompts.push_back(std::move(prompt));
      images.insert(images.end(), request.images.begin(), request.images.end());
    }
    const auto features = images.empty() ? std::vector<torch::Tensor>() : model_->encode_images(images);
    Prefill out{{}, {}, {}, nn::KvCache(model_->info().num_layers), {}, {}};
    Pass pass = run_prompts(*model_, pointers(prompts), features, &out.cache);
    std::size_t first = 0;
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      const auto row = pass.hidden_states[static_cast<std::int64_t>(i)];
      const auto own = row.slice(0, row.size(0) - prompts[i].length());
      const auto count = requests[i].images.size();
      out.verdicts.emplace_back();
      if (guard_) {
        HOLISAFE_TRY(out.verdicts.back(),
                     verdict_of(requests[i], prompts[i], own, std::span(features).subspan(first, count)));
      }
      first += count;
      out.prompt_ids.push_back(prompts[i].input_ids);
    }
    out.logits = last_logits(*model_, pass.hidden_states);
    out.key_valid = pass.batch.key_valid;
    out.next_positions = next_positions(prompts, model_->device());
    return out;
  });
}

Result<ImagePrefix> Engine::read_images(std::vector<models::ProcessedImage> images,
                                        std::optional<std::string> system) const {
  return within_boundary(run_failure, [&]() -> Result<ImagePrefix> {
    const ThreadScope threads(threads_);
    const c10::InferenceMode inference;
    HOLISAFE_TRY(auto prompt, rendered(*model_, images_alone(images.size(), system), images));
    ImagePrefix out{std::move(system),
                    std::move(images),
                    models::up_to_images(std::move(prompt)),
                    {},
                    nn::KvCache(model_->info().num_layers)};
    const auto features = model_->encode_images(out.images);
    const models::Prompt* const only = &out.prompt;
    const Pass pass = run_prompts(*model_, std::span(&only, 1), features, &out.cache);
    if (guard_) {
      HOLISAFE_TRY(out.verdict, judge(*guard_, out.prompt, pass.hidden_states[0], features));
    }
    // Rendering needs their sizes only.
    for (auto& image : out.images) image.pixel_values = torch::Tensor();
    return out;
  });
}

Result<Prefill> Engine::prefill(const ImagePrefix& prefix, const chat::Conversation& conversation) const {
  return within_boundary(run_failure, [&]() -> Result<Prefill> {
    const ThreadScope threads(threads_);
    const c10::InferenceMode inference;
    HOLISAFE_TRY(const auto prompt, rendered(*model_, conversation, prefix.images));
    const std::int64_t known = prefix.prompt.length();
    if (prompt.length() <= known ||
        !std::equal(prefix.prompt.input_ids.begin(), prefix.prompt.input_ids.end(), prompt.input_ids.begin()))
      return fail(ErrorKind::usage, "cannot continue from these images", "",
                  "expected them before all text, and the system text they were read with");
    Prefill out{{prompt.input_ids}, {prefix.verdict}, {}, prefix.cache.fork(), {}, {}};
    const std::vector<std::int64_t> rest(prompt.input_ids.begin() + known, prompt.input_ids.end());
    nn::DecoderInputs inputs;
    inputs.embeddings =
        model_->decoder().embed(torch::tensor(rest, torch::kInt64).unsqueeze(0).to(model_->device()));
    inputs.positions = prompt.positions.slice(1, known).unsqueeze(1).to(model_->device());
    const auto hidden = model_->decoder().forward(inputs, &out.cache);
    out.logits = last_logits(*model_, hidden);
    out.next_positions = next_positions(std::span(&prompt, 1), model_->device());
    return out;
  });
}

Result<Trace> Engine::trace(const Request& request) const {
  return within_boundary(run_failure, [&]() -> Result<Trace> {
    const ThreadScope threads(threads_);
    const c10::InferenceMode inference;
    HOLISAFE_TRY(const auto prompt, model_->render(request.conversation, request.images));
    Trace out;
    out.input_ids = torch::tensor(prompt.input_ids, torch::kInt64);
    std::vector<torch::Tensor> features;
    if (!request.images.empty()) {
      std::vector<torch::Tensor> pixels;
      std::vector<torch::Tensor> grids;
      for (const auto& image : request.images) {
        pixels.push_back(image.pixel_values);
        if (image.grid_thw.defined()) grids.push_back(image.grid_thw);
      }
      features = model_->encode_images(request.images);
      out.pixel_values = at::cat(pixels, 0);
      if (!grids.empty()) out.image_grid_thw = at::cat(grids, 0);
      out.image_features = at::cat(features, 0).to(torch::kCPU, torch::kFloat32);
    }
    const models::Prompt* const only = &prompt;
    const auto hidden = run_prompts(*model_, std::span(&only, 1), features, nullptr).hidden_states[0];
    out.hidden_states = hidden.to(torch::kCPU, torch::kFloat32);
    out.logits = model_->decoder().logits(hidden).to(torch::kCPU, torch::kFloat32);
    if (guard_) {
      HOLISAFE_TRY(const auto verdict, verdict_of(request, prompt, hidden, features));
      if (verdict)
        out.guard_logits = torch::tensor(std::vector<float>(verdict->logits.begin(), verdict->logits.end()));
    }
    return out;
  });
}

}  // namespace holisafe::engine
