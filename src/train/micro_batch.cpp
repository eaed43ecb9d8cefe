#include "train/micro_batch.h"

#include <algorithm>
#include <map>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "models/prompt.h"

namespace holisafe::train {
namespace {

Error of_sample(const Sample& sample, Error error) {
  error.where = fmt::format("sample {}{}{}", sample.id, error.where.empty() ? "" : ": ", error.where);
  return error;
}

torch::Tensor indices(const std::vector<std::int64_t>& values, torch::Device device) {
  return torch::tensor(values, torch::kInt64).to(device);
}

}  // namespace

struct Collator::Building {
  MicroBatch out;
  std::vector<models::Prompt> prompts;
  std::map<std::size_t, std::size_t> place;  ///< of an image of the set in out.images
};

Result<models::Prompt> Collator::render(const Sample& sample, const chat::Conversation& conversation,
                                        Building& building) const {
  std::vector<models::ProcessedImage> images;
  for (const std::size_t image : sample.images) {
    const auto [found, is_new] = building.place.try_emplace(image, building.out.images.size());
    if (is_new) {
      auto processed = images_.get(image);
      if (!processed) return fail(of_sample(sample, processed.error()));
      building.out.images.push_back(*std::move(processed));
    }
    building.out.shown.push_back(found->second);
    building.out.shown_by.push_back(building.prompts.size());
    images.push_back(*building.out.images[found->second]);
  }
  auto prompt = model_.render(conversation, images);
  if (!prompt) return fail(of_sample(sample, prompt.error()));
  return prompt;
}

Result<void> Collator::check_images(const models::Prompt& prompt, const Sample& sample) const {
  if (prompt.spans.empty() || prompt.spans.back().end <= limit_.tokens) return {};
  return fail(
      of_sample(sample, {ErrorKind::usage, "cannot train", limit_.name,
                         fmt::format("expected at least {}, so that the sample's images fit, found {}",
                                     prompt.spans.back().end, limit_.tokens)}));
}

Result<SampleLength> Collator::measure(std::int64_t sample,
                                       const std::shared_ptr<const models::ProcessedImage>& image) const {
  const Sample& measured = set_.samples[static_cast<std::size_t>(sample)];
  std::vector<models::ProcessedImage> images;
  for (const std::size_t index : measured.images) {
    auto own = image ? Result<std::shared_ptr<const models::ProcessedImage>>(image) : images_.get(index);
    if (!own) return fail(of_sample(measured, own.error()));
    images.push_back(**own);
  }
  const auto prompt = model_.render(measured.conversation, images);
  if (!prompt) return fail(of_sample(measured, prompt.error()));
  HOLISAFE_CHECK(check_images(*prompt, measured));
  SampleLength out{prompt->length()};
  for (std::int64_t t = 1; t < out.tokens; ++t) {
    if (prompt->supervised[static_cast<std::size_t>(t)] == 0) continue;
    ++out.supervised;
    out.kept += t < limit_.tokens ? 1 : 0;
  }
  return out;
}

Result<MicroBatch> Collator::make(std::vector<std::int64_t> samples) const {
  Building building;
  building.out.samples = std::move(samples);
  for (const std::int64_t index : building.out.samples) {
    const Sample& sample = set_.samples[static_cast<std::size_t>(index)];
    HOLISAFE_TRY(auto prompt, render(sample, sample.conversation, building));
    HOLISAFE_CHECK(check_images(prompt, sample));
    if (prompt.length() > limit_.tokens) prompt = models::cut(std::move(prompt), limit_.tokens);
    building.prompts.push_back(std::move(prompt));
  }
  return finish(std::move(building));
}

Result<MicroBatch> Collator::make_verdict(std::vector<std::int64_t> samples) const {
  Building building;
  building.out.samples = std::move(samples);
  for (const std::int64_t index : building.out.samples) {
    const Sample& sample = set_.samples[static_cast<std::size_t>(index)];
    const auto opened = chat::single_turn(std::vector<chat::Image>(sample.images.size()), "");
    HOLISAFE_TRY(auto prompt, render(sample, opened, building));
    building.prompts.push_back(models::up_to_images(std::move(prompt)));
  }
  return finish(std::move(building));
}

MicroBatch Collator::finish(Building building) const {
  MicroBatch& out = building.out;
  std::vector<const models::Prompt*> prompts;
  for (const models::Prompt& prompt : building.prompts) prompts.push_back(&prompt);
  out.prompts = models::collate(model_, prompts);
  const std::int64_t length = out.prompts.input_ids.size(1);
  std::vector<std::int64_t> supervised_rows, targets, labels;
  for (std::size_t b = 0; b < building.prompts.size(); ++b) {
    const models::Prompt& prompt = building.prompts[b];
    const auto row = static_cast<std::int64_t>(b) * length;
    for (std::size_t t = 1; t < prompt.input_ids.size(); ++t) {
      if (prompt.supervised[t] == 0) continue;
      supervised_rows.push_back(row + static_cast<std::int64_t>(t) - 1);
      targets.push_back(prompt.input_ids[t]);
    }
    const std::int64_t label = set_.samples[static_cast<std::size_t>(out.samples[b])].label;
    if (label == no_label || prompt.spans.empty()) continue;
    labels.push_back(label);
    out.labelled.push_back(b);
    out.guard_spans.push_back(prompt.spans);
  }
  const auto device = model_.device();
  out.supervised_rows = indices(supervised_rows, device);
  out.targets = indices(targets, device);
  out.labels = indices(labels, device);
  return std::move(out);
}

int reading_threads() { return static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1U, 8U)); }

}  // namespace holisafe::train
