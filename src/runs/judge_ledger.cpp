#include "runs/judge_ledger.h"

#include <algorithm>

#include "base/file.h"
#include "judge/word.h"
#include "runs/add_samples.h"
#include "runs/run_rows.h"

namespace holisafe::runs {
namespace {

store::Judgement unjudged(const Error& why) { return {std::string(store::unjudged), "", why.message()}; }

/// By the authors' own form of an answer, where the protocol has one, else by its tag.
judge::Said read(const benchmarks::Protocol& protocol, const std::string& text) {
  std::vector<std::string_view> words;
  for (const auto& word : protocol.words) words.push_back(word.said);
  if (const auto said = protocol.read == nullptr ? std::nullopt : protocol.read(text)) {
    const auto place = std::find(words.begin(), words.end(), *said);
    if (place != words.end()) return {static_cast<std::size_t>(place - words.begin()), ""};
  }
  return judge::read_word(text, words);
}

}  // namespace

Result<Judging> Judging::with(const benchmarks::Protocol& protocol, std::string text,
                              const std::string& where) {
  std::vector<judge::FieldNames> fields;
  for (const auto& field : protocol.fields) fields.push_back({field.name, field.alias});
  HOLISAFE_TRY(auto prompt, judge::PromptTemplate::parse(std::move(text), where, fields));
  return Judging{&protocol, std::move(prompt)};
}

std::string Judging::prompt_for(const store::Row& row) const {
  const benchmarks::Item item = item_of(row.sample);
  std::vector<std::string> values;
  for (const auto& field : protocol->fields) values.push_back(field.value(item, row.answer->text));
  return prompt.fill(values);
}

Result<std::unique_ptr<JudgeLedger>> JudgeLedger::open(store::RunStore& store, std::string judge,
                                                       Judging judging) {
  HOLISAFE_TRY(auto images, images_of(store));
  HOLISAFE_TRY(const std::int64_t answers, store.answers_a_sample());
  return std::unique_ptr<JudgeLedger>(
      new JudgeLedger(store, AskedKeys(answers), std::move(judge), std::move(judging), std::move(images)));
}

Result<std::vector<ask::Pending>> JudgeLedger::pending_after(chat::Key key, std::size_t most) {
  HOLISAFE_TRY(const auto rows, store_.unjudged_after(judge_, keys_.kept(key), most));
  std::vector<ask::Pending> out;
  out.reserve(rows.size());
  for (const store::Row& row : rows) out.emplace_back(keys_.asked(row.key()), question(row));
  return out;
}

Result<chat::Question> JudgeLedger::question(const store::Row& row) const {
  std::vector<chat::Part> parts;
  if (judging_.protocol->sees_image) {
    for (const auto& image : row.sample.images()) {
      HOLISAFE_TRY(auto file, resolve_beneath(images_, image));
      parts.emplace_back(chat::Image{std::move(file), nullptr});
    }
  }
  parts.emplace_back(judging_.prompt_for(row));
  return chat::question_of(std::move(parts), {.max_new_tokens = judging_.max_tokens});
}

store::Judgement JudgeLedger::judgement_of(const Result<chat::Reply>& reply) const {
  if (!reply) return unjudged(reply.error());
  if (reply->state == chat::State::filtered)
    return unjudged(
        {ErrorKind::refused, "the provider's filter stopped the judge", "", reply->finish_reason});
  if (reply->state == chat::State::declined)
    return unjudged({ErrorKind::refused, "the judge declined", "", reply->text});
  const judge::Said said = read(*judging_.protocol, reply->text);
  if (!said.word) return {std::string(store::unjudged), reply->text, said.reason};
  return {std::string(judging_.protocol->words[*said.word].kept), reply->text, ""};
}

Result<std::size_t> JudgeLedger::record(std::span<const ask::Ended> ended) {
  store::RunStore::Judgements judgements;
  std::size_t settled = 0;
  for (const auto& [key, reply] : ended) {
    judgements.emplace_back(keys_.kept(key), judgement_of(reply));
    settled += judgements.back().second.judged() ? 1 : 0;
  }
  HOLISAFE_CHECK(store_.write(judge_, judgements));
  return settled;
}

Result<std::vector<ask::OpenBatch>> JudgeLedger::open_batches() { return runs::open_batches(store_, judge_); }

Result<void> JudgeLedger::add_batch(const ask::OpenBatch& batch) {
  return runs::add_batch(store_, judge_, batch);
}

Result<void> JudgeLedger::forget_batch(const std::string& id) {
  return runs::forget_batch(store_, judge_, id);
}

}  // namespace holisafe::runs
