#include "runs/guard_answers.h"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/text.h"

namespace holisafe::runs {
namespace {

using ask::Json;
using guard_formats::Finding;
using guard_formats::Reading;
using guard_formats::Unread;

constexpr std::size_t shown = 120;

Reading unread(std::string why, const std::string& found = {}) {
  return Reading(tl::unexpected(Unread{std::move(why), excerpt(found, shown)}));
}

/// Why an image whose answer did not come has none.
Reading without_answer(const store::Row& row) {
  if (!row.answer) return unread("not asked yet");
  const store::Answer& answer = *row.answer;
  if (answer.state == store::AnswerState::filtered)
    return unread("the endpoint's own filter refused the image", answer.finish_reason);
  if (answer.state == store::AnswerState::empty) return unread("the answer is empty", answer.reason);
  return unread("no answer came", answer.reason);
}

/// What a store keeps of a reply, or of why there is none.
store::Answer answer_of(const Result<chat::Reply>& reply) {
  using store::AnswerState;
  if (!reply) return {AnswerState::unanswered, "", "", reply.error().message(), std::nullopt};
  const bool filtered = reply->state == chat::State::filtered;
  return {filtered ? AnswerState::filtered : AnswerState::answered, reply->text, reply->finish_reason,
          reply->reason, std::nullopt};
}

Error no_batches() { return {ErrorKind::unsupported, "guards are not asked in batches", "", ""}; }

}  // namespace

Reading GuardReader::read(std::span<const store::Row> rows) const {
  std::vector<Json> outputs;
  for (const store::Row& row : rows) {
    if (!row.answer || row.answer->state != store::AnswerState::answered) return without_answer(row);
    constexpr std::size_t most_levels = 100;
    const std::string& text = row.answer->text;
    Json output = nests_deeper(text, most_levels) ? Json() : Json::parse(text, nullptr, false);
    if (output.is_discarded() || output.is_null()) return unread("not an answer of this format", text);
    outputs.push_back(std::move(output));
  }
  if (outputs.empty()) return unread("not asked yet");
  tl::expected<Json, Unread> output = outputs.front();
  if (!prompts.empty() && format->request) output = format->request->gather(prompts, outputs);
  if (!output) return tl::unexpected(output.error());
  const auto read = format->read(*output);
  if (!read) return unread("not an answer of this format", read.error().message());
  if (!*read) return *read;
  Finding found = **read;
  if (!threshold) return found.flagged ? Reading(std::move(found)) : unread("no decision of the guard's own");
  if (!found.score) return unread("no score, which the threshold acts on");
  found.flagged = *found.score >= *threshold;
  return found;
}

Result<void> add_images(store::RunStore& store, const GuardImages& images, std::size_t answers_an_image) {
  HOLISAFE_TRY(const auto known, store.counts());
  if (known.samples > 0) return {};
  HOLISAFE_TRY(auto writer, store.add_samples(static_cast<std::int64_t>(answers_an_image)));
  std::vector<store::Sample> samples;
  for (const LabelledImage& image : images.images()) {
    store::Sample& sample = samples.emplace_back();
    sample.position = static_cast<std::int64_t>(samples.size()) - 1;
    sample.id = image.name;
    sample.id_is_string = true;
    HOLISAFE_TRY(sample.cluster, writer.cluster(image.name));
    sample.parts = {chat::Image{image.name, nullptr}};
    sample.query = image.name;
    sample.label = image.label;
    sample.json = Json({{"image", image.name}, {"image_safety_label", image.label}}).dump();
  }
  HOLISAFE_CHECK(writer.add(samples));
  return writer.commit();
}

Result<chat::Question> GuardLedger::question(const store::Row& row) const {
  HOLISAFE_TRY(auto image, images_.image(static_cast<std::size_t>(row.sample.position)));
  std::vector<chat::Part> parts = {std::move(image)};
  const std::string& text = prompts_[static_cast<std::size_t>(row.number)].text;
  if (!text.empty()) parts.emplace_back(text);
  return chat::question_of(std::move(parts), {.max_new_tokens = max_new_tokens_});
}

Result<std::vector<ask::Pending>> GuardLedger::pending_after(chat::Key key, std::size_t most) {
  HOLISAFE_TRY(const auto rows, store_.unanswered_after(keys_.kept(key), most));
  std::vector<ask::Pending> out;
  out.reserve(rows.size());
  for (const store::Row& row : rows) out.emplace_back(keys_.asked(row.key()), question(row));
  return out;
}

Result<std::size_t> GuardLedger::record(std::span<const ask::Ended> ended) {
  store::RunStore::Answers answers;
  std::size_t settled = 0;
  for (const auto& [asked, reply] : ended) {
    answers.emplace_back(keys_.kept(asked), answer_of(reply));
    settled += reply ? 1 : 0;
  }
  HOLISAFE_CHECK(store_.write(answers));
  return settled;
}

Result<void> GuardLedger::add_batch(const ask::OpenBatch& /*batch*/) { return fail(no_batches()); }
Result<void> GuardLedger::forget_batch(const std::string& /*id*/) { return fail(no_batches()); }

}  // namespace holisafe::runs
