#include "train/samples.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include <fmt/format.h>

#include "base/ahead.h"
#include "base/file.h"
#include "base/text.h"
#include "dataset/conversations.h"
#include "image/image.h"
#include "image/other_formats.h"
#include "models/prompt.h"
#include "train/micro_batch.h"

namespace holisafe::train {
namespace {

std::string without_placeholders(std::string_view value) {
  std::string text;
  for (auto at = value.find(dataset::image_placeholder); at != std::string_view::npos;
       at = value.find(dataset::image_placeholder)) {
    text += value.substr(0, at);
    value.remove_prefix(at + dataset::image_placeholder.size());
  }
  text += value;
  return std::string(strip(text));
}

/// Adds one file's conversations to a set.
class Reading {
 public:
  Reading(SampleSet& set, const Settings& settings) : set_(set), settings_(settings) {}

  Result<void> add(const std::filesystem::path& file, std::optional<std::int64_t> count) {
    HOLISAFE_TRY(const auto data, dataset::read_conversations(file));
    if (!data.problems.empty()) {
      Error first = data.problems.kept().front();
      if (const auto others = data.problems.count() - 1; others > 0)
        first.detail += fmt::format(" (and {} other problems)", others);
      return fail(std::move(first));
    }
    const auto found = static_cast<std::int64_t>(data.conversations.size());
    if (count && *count > found) {
      return fail(ErrorKind::usage, "cannot train", "--mix " + file.string(),
                  fmt::format("expected at least {} conversations, found {}", *count, found));
    }
    for (std::int64_t i = 0; i < count.value_or(found); ++i) {
      const auto& conversation = data.conversations[static_cast<std::size_t>(i)];
      if (!left_out(conversation)) HOLISAFE_CHECK(add(conversation, file));
    }
    return {};
  }

 private:
  [[nodiscard]] bool left_out(const dataset::Conversation& conversation) const {
    const auto& without = settings_.without_types;
    return conversation.type &&
           std::find(without.begin(), without.end(), *conversation.type) != without.end();
  }

  Result<void> add(const dataset::Conversation& conversation, const std::filesystem::path& file) {
    Sample sample;
    sample.id = conversation.id.empty() ? fmt::format("{} row {}", file.filename().string(), conversation.row)
                                        : conversation.id;
    if (settings_.with_guard) sample.label = conversation.image_safety_label;
    for (const std::string_view image : conversation.images) {
      HOLISAFE_TRY(const std::size_t index, image_index(image, sample.id));
      sample.images.push_back(index);
    }
    for (const dataset::Turn& turn : conversation.turns) {
      const bool human = turn.from == dataset::Speaker::human;
      sample.conversation.turns.push_back(
          {human ? chat::Role::user : chat::Role::assistant,
           {human ? without_placeholders(turn.value) : std::string(turn.value)}});
    }
    auto& opening = sample.conversation.turns.front().parts;
    opening.insert(opening.begin(), sample.images.size(), chat::Image{});
    set_.samples.push_back(std::move(sample));
    return {};
  }

  Result<std::size_t> image_index(std::string_view relative, const std::string& id) {
    const auto [place, is_new] = known_.try_emplace(std::string(relative), set_.images.size());
    if (!is_new) return place->second;
    auto path = resolve_beneath(settings_.images, relative);
    if (!path) {
      Error error = path.error();
      error.where = fmt::format("sample {}: {}", id, error.where);
      return fail(std::move(error));
    }
    set_.images.push_back(*std::move(path));
    return place->second;
  }

  SampleSet& set_;
  const Settings& settings_;
  std::unordered_map<std::string, std::size_t> known_;
};

/// Nothing for a picture of a format that is decoded.
std::optional<Error> fault_of(const std::filesystem::path& path) {
  const auto start = read_start(path, image::telling_bytes);
  if (!start) return start.error();
  const auto format = image::detect(std::as_bytes(std::span(*start)));
  if (format) return std::nullopt;
  return Error{format.error().kind, "cannot train: not a picture", path.string(),
               start->empty() ? "the file is empty" : format.error().detail};
}

}  // namespace

std::int64_t Sample::text_bytes() const {
  std::size_t bytes = 0;
  for (const chat::Turn& turn : conversation.turns) bytes += turn.text().size();
  return static_cast<std::int64_t>(bytes);
}

std::string SampleSet::ids(std::span<const std::int64_t> indices) const {
  constexpr std::size_t shown = 16;
  std::string out;
  for (std::size_t i = 0; i < std::min(shown, indices.size()); ++i)
    out += (i == 0 ? "" : ", ") + samples[static_cast<std::size_t>(indices[i])].id;
  if (indices.size() > shown) out += fmt::format(" and {} more", indices.size() - shown);
  return out;
}

Result<SampleSet> read_samples(const Settings& settings) {
  SampleSet set;
  Reading reading(set, settings);
  HOLISAFE_CHECK(reading.add(settings.data, std::nullopt));
  for (const Mix& mix : settings.mixes) HOLISAFE_CHECK(reading.add(mix.file, mix.count));
  if (set.samples.empty())
    return fail(ErrorKind::missing, "cannot train", settings.data.string(), "expected samples, found none");
  return set;
}

Result<void> check_pictures(const SampleSet& set, const StopFlag& stop) {
  constexpr std::size_t most_waiting = 1024;
  Ahead<std::size_t, std::optional<Error>> faults(
      [&set](std::size_t index) { return fault_of(set.images[index]); }, reading_threads());
  std::optional<Error> first;
  std::size_t others = 0;
  std::size_t asked = 0;
  while (asked < set.images.size() || faults.waiting() > 0) {
    while (asked < set.images.size() && faults.waiting() < most_waiting) faults.push(asked++);
    auto fault = faults.next(&stop);
    if (!fault) break;  // a request to stop
    if (*fault && first) ++others;
    if (*fault && !first) first = *std::move(*fault);
  }
  if (stop.requested()) return fail(ErrorKind::interrupted, "stopped while pictures were looked at");
  if (!first) return {};
  if (others > 0) first->detail += fmt::format(" (and {} other pictures)", others);
  return fail(*std::move(first));
}

}  // namespace holisafe::train
