#include "train/sample_lengths.h"

#include <algorithm>
#include <deque>
#include <utility>

#include <fmt/format.h>

#include "base/ahead.h"

namespace holisafe::train {
namespace {

/// More than a template adds around all turns, and around each.
constexpr std::int64_t template_tokens = 1024;
constexpr std::int64_t turn_tokens = 64;

constexpr std::size_t measured_ahead = 256;

Result<models::ProcessedImage> blank_image(const models::Model& model, int width, int height) {
  const auto size = std::size_t{3} * static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  return model.process_image({width, height, std::vector<std::uint8_t>(size)});
}

/// An image that stands for every other, of a model that gives all of them the same tokens; else null.
std::shared_ptr<const models::ProcessedImage> image_for_all(const models::Model& model) {
  auto square = blank_image(model, 336, 336);
  const auto long_one = blank_image(model, 1200, 300);  // long enough for crops too
  if (!square || !long_one || square->piece_tokens != long_one->piece_tokens) return nullptr;
  return std::make_shared<models::ProcessedImage>(*std::move(square));
}

/// Whether a sample is surely within the limit. A token has at least one byte of text.
bool surely_fits(const Sample& sample, const models::ProcessedImage* image, std::int64_t limit) {
  if (image == nullptr && !sample.images.empty()) return false;
  const std::int64_t images =
      image == nullptr ? 0 : image->tokens() * static_cast<std::int64_t>(sample.images.size());
  const auto turns = static_cast<std::int64_t>(sample.conversation.turns.size());
  return sample.text_bytes() + images + template_tokens + turns * turn_tokens <= limit;
}

}  // namespace

LengthLimit length_limit(const Settings& settings, const models::ModelInfo& info) {
  const std::int64_t context = info.context_length;
  if (context == 0 || context >= settings.max_length)
    return {settings.max_length, fmt::format("--max-length {}", settings.max_length)};
  const std::string scaled =
      context == info.positions ? "" : fmt::format(", with rotary scaling {}", context);
  return {context, fmt::format("max_position_embeddings {}{} (--max-length is {})", info.positions, scaled,
                               settings.max_length)};
}

Result<AnswerLengths> measure_answers(const models::Model& model, const SampleSet& set,
                                      const Collator& collator, const LengthLimit& limit, Progress* progress,
                                      const StopFlag& stop) {
  const auto image = image_for_all(model);
  Ahead<std::int64_t, Result<SampleLength>> measured(
      [&](std::int64_t sample) { return collator.measure(sample, image); }, reading_threads());
  AnswerLengths out;
  std::deque<std::int64_t> asked;
  const auto take = [&]() -> Result<void> {
    const std::int64_t sample = asked.front();
    asked.pop_front();
    auto length = measured.next(&stop);
    if (!length) return fail(ErrorKind::interrupted, "stopped while samples were measured");
    if (!*length) return fail(length->error());
    out.longest = std::max(out.longest, (*length)->tokens);
    if ((*length)->kept == 0) {
      out.lost.push_back(sample);
    } else if ((*length)->kept < (*length)->supervised) {
      ++out.cut;
    }
    return {};
  };
  const auto count = static_cast<std::int64_t>(set.samples.size());
  for (std::int64_t i = 0; i < count; ++i) {
    if (surely_fits(set.samples[static_cast<std::size_t>(i)], image.get(), limit.tokens)) continue;
    if (asked.size() == measured_ahead) HOLISAFE_CHECK(take());
    asked.push_back(i);
    measured.push(i);
    if (progress != nullptr)
      progress->update(static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(count), "samples measured");
  }
  while (!asked.empty()) HOLISAFE_CHECK(take());
  return out;
}

Result<std::string> cut_answers_warning(const AnswerLengths& lengths, const SampleSet& set,
                                        const LengthLimit& limit) {
  if (lengths.lost.empty() && lengths.cut == 0) return std::string();
  const std::string longest = fmt::format("the longest sample has {} tokens", lengths.longest);
  const std::size_t all = set.samples.size();
  if (lengths.lost.size() == all) {
    return fail(ErrorKind::usage, "cannot train", limit.name,
                fmt::format("nothing of any answer is left in {} samples ({}); {}", all,
                            set.ids(lengths.lost), longest));
  }
  std::string out = limit.name + " cuts away ";
  if (!lengths.lost.empty()) {
    out += fmt::format("all answers in {} of {} samples, which teach nothing ({}){}", lengths.lost.size(),
                       all, set.ids(lengths.lost), lengths.cut > 0 ? ", and " : "");
  }
  if (lengths.cut > 0) out += fmt::format("a part of the answers in {} of {} samples", lengths.cut, all);
  return out + "; " + longest;
}

}  // namespace holisafe::train
