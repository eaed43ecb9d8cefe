#include "runs/verdict_answerer.h"

#include <nlohmann/json.hpp>

#include "verdicts/verdict_json.h"

namespace holisafe::runs {
namespace {

Result<chat::Reply> said_of(const std::string& path, Result<chat::Reply> reply) {
  if (!reply) return reply;
  if (!reply->verdict)
    return fail(ErrorKind::missing, "no verdict", path, "expected the guard's, found a model without one");
  const verdicts::Flagging flagging(verdicts::Flagging::usual_threshold);
  reply->text = verdicts::to_json(path, *reply->verdict, flagging).dump();
  return reply;
}

}  // namespace

void VerdictAnswerer::submit(chat::Key key, chat::Question question, chat::Events* events) {
  const chat::Image image = *question.conversation.images().front();
  paths_[key] = image.file.string();
  chat::Generation nothing_else;
  nothing_else.max_new_tokens = 0;
  model_->submit(key, chat::question_of({image}, nothing_else), events);
}

std::vector<std::pair<chat::Key, Result<chat::Reply>>> VerdictAnswerer::poll(chat::milliseconds longest) {
  auto replies = model_->poll(longest);
  for (auto& [key, reply] : replies) {
    const auto path = paths_.extract(key);
    reply = said_of(path ? path.mapped() : std::string(), std::move(reply));
  }
  return replies;
}

void VerdictAnswerer::cancel(chat::Key key) {
  paths_.erase(key);
  model_->cancel(key);
}

void VerdictAnswerer::drop_all() {
  paths_.clear();
  model_->drop_all();
}

}  // namespace holisafe::runs
