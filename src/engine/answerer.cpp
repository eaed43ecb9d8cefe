#include "engine/answerer.h"

#include <algorithm>

namespace holisafe::engine {
namespace {

bool same(const chat::Image& a, const chat::Image& b) {
  if (a.file != b.file || (a.bytes == nullptr) != (b.bytes == nullptr)) return false;
  return a.bytes == b.bytes || *a.bytes == *b.bytes;
}

bool same(std::span<const chat::Image* const> a, std::span<const chat::Image> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const chat::Image* left, const chat::Image& right) { return same(*left, right); });
}

}  // namespace

GenerateOptions options_of(const chat::Generation& how) {
  GenerateOptions out;
  out.max_new_tokens = how.max_new_tokens;
  out.temperature = how.temperature;
  out.top_p = how.top_p;
  out.repetition_penalty = how.repetition_penalty;
  out.seed = how.seed;
  out.stops = how.stops;
  return out;
}

void LocalAnswerer::submit(chat::Key key, chat::Question question, chat::Events* events) {
  asked_.push_back({key, std::move(question), events});
}

std::vector<std::pair<chat::Key, Result<chat::Reply>>> LocalAnswerer::poll(chat::milliseconds) {
  std::vector<std::pair<chat::Key, Result<chat::Reply>>> out;
  if (asked_.empty()) return out;
  const Asked asked = std::move(asked_.front());
  asked_.pop_front();
  auto reply = answer(asked);
  if (reply || reply.error().kind != ErrorKind::cancelled) out.emplace_back(asked.key, std::move(reply));
  return out;
}

void LocalAnswerer::cancel(chat::Key key) {
  std::erase_if(asked_, [key](const Asked& asked) { return asked.key == key; });
}

Result<chat::Reply> LocalAnswerer::answer(const Asked& asked) {
  HOLISAFE_TRY(auto prefill, this->prefill(asked.question.conversation));
  chat::Reply reply;
  reply.usage.prompt_tokens = prefill.prompt_ids.front().size();
  reply.verdict = prefill.verdicts.front();
  if (asked.events != nullptr && reply.verdict) asked.events->verdict(*reply.verdict);
  GenerateOptions options = options_of(asked.question.how);
  if (stop_ != nullptr) options.interrupted = [this] { return stop_->urgent(); };
  OnText on_text;
  if (asked.events != nullptr)
    on_text = [&asked](std::size_t, const std::string& text) { asked.events->text(text); };
  HOLISAFE_TRY(auto answers, engine_.generate(std::move(prefill), options, on_text));
  Answer& answer = answers.front();
  if (answer.finish_reason == FinishReason::interrupted)
    return fail(ErrorKind::cancelled, "answer given up", "");
  reply.text = std::move(answer.text);
  reply.finish_reason = name(answer.finish_reason);
  reply.usage.completion_tokens = answer.completion_ids.size();
  return reply;
}

Result<Prefill> LocalAnswerer::prefill(const chat::Conversation& conversation) {
  if (!conversation.images().empty() && conversation.images_first()) {
    const Result<ImagePrefix>& prefix = read(conversation);
    if (!prefix) return fail(prefix.error());
    return engine_.prefill(*prefix, conversation);
  }
  HOLISAFE_TRY(const Request request, engine_.load(conversation, {}));
  return engine_.prefill(request);
}

const Result<ImagePrefix>& LocalAnswerer::read(const chat::Conversation& conversation) {
  const auto images = conversation.images();
  if (known_ && known_->system == conversation.system && same(images, known_->images)) return known_->prefix;
  known_.reset();
  const auto prefix = [&]() -> Result<ImagePrefix> {
    std::vector<models::ProcessedImage> processed;
    for (const chat::Image* image : images) {
      HOLISAFE_TRY(auto one, engine_.load(*image, {}));
      processed.push_back(std::move(one));
    }
    return engine_.read_images(std::move(processed), conversation.system);
  };
  std::vector<chat::Image> named;
  for (const chat::Image* image : images) named.push_back(*image);
  known_ = Known{conversation.system, std::move(named), prefix()};
  return known_->prefix;
}

}  // namespace holisafe::engine
