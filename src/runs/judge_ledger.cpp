#include "runs/judge_ledger.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/hash.h"
#include "judge/answer.h"
#include "judge/material.h"
#include "judge/word.h"
#include "runs/add_samples.h"
#include "runs/reply_state.h"
#include "runs/run_rows.h"

namespace holisafe::runs {
namespace {

constexpr std::string_view mark_field = "mark";

store::Judgement unjudged(const Error& why) { return {std::string(store::unjudged), "", why.message()}; }

/// A word that was said in the authors' own form of an answer, where the protocol has one.
std::optional<std::size_t> read_own_form(const benchmarks::Protocol& protocol, std::string_view text) {
  const auto said = protocol.read == nullptr ? std::nullopt : protocol.read(text);
  if (!said) return std::nullopt;
  const auto& known = protocol.words;
  const auto place =
      std::find_if(known.begin(), known.end(), [&](const auto& word) { return word.said == *said; });
  if (place == known.end()) return std::nullopt;
  return static_cast<std::size_t>(place - known.begin());
}

/// By its tag, where there is one; else by the authors' own form of an answer.
judge::Said read(const benchmarks::Protocol& protocol, std::string_view text) {
  std::vector<std::string_view> words;
  for (const auto& word : protocol.words) words.push_back(word.written.empty() ? word.said : word.written);
  judge::Said out = judge::read_word(text, words);
  const auto own = read_own_form(protocol, text);
  if (own && !out.tagged) return {own};
  if (own && out.word && out.word != own)
    return {std::nullopt,
            fmt::format("the judge's tag says {}, its answer {}", words[*out.word], words[*own])};
  return out;
}

}  // namespace

Result<Judging> Judging::with(const benchmarks::Protocol& protocol, std::string text,
                              const std::string& where) {
  std::vector<judge::FieldNames> fields;
  for (const auto& field : protocol.fields) fields.push_back({field.name, field.alias});
  fields.push_back({mark_field, ""});
  HOLISAFE_TRY(auto prompt, judge::PromptTemplate::parse(std::move(text), where, fields));
  return Judging{&protocol, {std::move(prompt)}};
}

Result<Judging> Judging::of(const benchmarks::Protocol& protocol) {
  Judging out{&protocol, {}};
  for (const std::string_view text : protocol.prompts) {
    HOLISAFE_TRY(auto each, with(protocol, std::string(text), "prompt"));
    out.prompts.push_back(std::move(each.prompts.front()));
  }
  return out;
}

const judge::PromptTemplate& Judging::prompt_of(const benchmarks::Item& item) const {
  const std::size_t number =
      prompts.size() > 1 && protocol->prompt_of != nullptr ? protocol->prompt_of(item) : 0;
  return prompts[std::min(number, prompts.size() - 1)];
}

Result<Judging::Asked> Judging::prompt_for(const store::Row& row) const {
  const benchmarks::Item item = item_of(row.sample);
  const auto answer = judge::answer_in(row.answer->text).value_or("");
  std::vector<std::string> values;
  for (const auto& field : protocol->fields) values.push_back(field.value(item, answer));
  values.push_back(mark);
  const judge::FilledPrompt filled = prompt_of(item).fill(values);
  HOLISAFE_CHECK(check_marks(filled, item.id));
  // Looked for in the whole prompt: fields that stand side by side may hold a tag together.
  std::set<std::size_t> changed;
  const auto of_others = [&](std::size_t begin, std::size_t end) {
    const auto places = filled.touched(begin, end);
    for (const auto& place : places) changed.insert(place.field);
    return !places.empty();
  };
  Asked out{judge::defused(filled.text, protocol->read_key, of_others), ""};
  std::vector<std::string_view> names;
  for (const std::size_t field : changed) {
    if (field < protocol->fields.size()) names.push_back(protocol->fields[field].name);
  }
  if (!names.empty()) out.note = fmt::format("a verdict's tag in {} was defused", fmt::join(names, ", "));
  return out;
}

Result<void> Judging::check_marks(const judge::FilledPrompt& filled, const std::string& id) const {
  if (mark.empty()) return {};
  for (auto at = filled.text.find(mark); at != std::string::npos; at = filled.text.find(mark, at + 1)) {
    for (const auto& place : filled.touched(at, at + mark.size())) {
      if (place.field == protocol->fields.size()) continue;
      return fail(ErrorKind::unexpected, "a text holds the mark that is to stand around it",
                  fmt::format("id {}: {}", id, protocol->fields[place.field].name),
                  "expected one that cannot know it");
    }
  }
  return {};
}

std::string Judging::known_text() const {
  const std::string mark_text = fmt::format(" {{{}}}", mark_field);
  std::string out = prompts.front().text();
  for (std::size_t i = 1; i < prompts.size(); ++i) out += '\0' + prompts[i].text();
  for (auto at = out.find(mark_text); at != std::string::npos; at = out.find(mark_text, at))
    out.erase(at, mark_text.size());
  return out;
}

Result<std::string> mark_of(const store::RunStore& store) {
  constexpr std::size_t digits = 16;
  HOLISAFE_TRY(const auto identity, store.identity("run"));
  std::string text = "mark";
  for (const auto& [name, value] : identity)
    text += fmt::format("\n{}:{}{}:{}", name.size(), name, value.size(), value);
  return hex(sha256(text)).substr(0, digits);
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
  images_.begin_page();
  for (const store::Row& row : rows) {
    if (images_.page_is_full()) break;
    HOLISAFE_TRY(const bool taken, images_.take(keys_.asked(row.key()), question(row), out));
    if (!taken) break;
  }
  return out;
}

Result<chat::Question> JudgeLedger::question(const store::Row& row) {
  HOLISAFE_TRY(auto asked, judging_.prompt_for(row));
  if (!asked.note.empty()) notes_[keys_.asked(row.key())] = std::move(asked.note);
  std::vector<chat::Part> parts;
  if (judging_.protocol->sees_image) {
    for (const auto& image : row.sample.images()) {
      HOLISAFE_TRY(auto shown, images_.image(image));
      parts.emplace_back(std::move(shown));
    }
  }
  parts.emplace_back(std::move(asked.text));
  return chat::question_of(std::move(parts), {.max_new_tokens = judging_.max_tokens});
}

store::Judgement JudgeLedger::judgement_of(const Result<chat::Reply>& given) const {
  if (!given) return unjudged(given.error());
  chat::Reply reply = *given;
  name_empty(reply);
  const auto no_word = [&](const std::string& why) -> store::Judgement {
    if (!chat::was_cut(reply.finish_reason)) return {std::string(store::unjudged), reply.text, why};
    return {std::string(store::unjudged), reply.text,
            fmt::format("the judge's answer was cut at its token limit (--judge-max-tokens): {}", why)};
  };
  switch (reply.state) {
    case chat::State::filtered:
      return unjudged(
          {ErrorKind::refused, "the provider's filter stopped the judge", "", reply.finish_reason});
    case chat::State::declined:
      return unjudged({ErrorKind::refused, "the judge declined", "", reply.text});
    case chat::State::empty:
      return no_word("the judge's " + reply.reason);  // "empty answer: …"
    case chat::State::answered:
      break;
  }
  const judge::Said said = read(*judging_.protocol, judge::answer_in(reply.text).value_or(""));
  if (!said.word) return no_word(said.reason);
  return {std::string(judging_.protocol->words[*said.word].kept), reply.text, ""};
}

Result<std::size_t> JudgeLedger::record(std::span<const ask::Ended> ended) {
  store::RunStore::Judgements judgements;
  std::size_t settled = 0;
  for (const auto& [key, reply] : ended) {
    store::Judgement& judgement = judgements.emplace_back(keys_.kept(key), judgement_of(reply)).second;
    settled += judgement.judged() ? 1 : 0;
    const auto note = notes_.find(key);
    if (note == notes_.end()) continue;
    judgement.reason += fmt::format("{}{}", judgement.reason.empty() ? "" : "; ", note->second);
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
