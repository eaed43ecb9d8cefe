#include "construction/build_ledger.h"

#include <algorithm>

#include <fmt/format.h>

#include "ask/json.h"
#include "base/file.h"
#include "base/hash.h"
#include "construction/label_vote.h"
#include "construction/replies.h"
#include "image/image.h"

namespace holisafe::construction {
namespace {

constexpr unsigned step_bits = 3;
constexpr unsigned number_bits = 12;
constexpr std::size_t most_page_bytes = std::size_t{64} << 20U;

/// What is asked of a pair.
Prompt prompt_for(const PairRow& pair, Step step, const Faulty& before) {
  switch (step) {
    case Step::write:
      return instruction_prompt(pair.type, pair.subcategory, before);
    case Step::check:
      return check_prompt(pair.instruction);
    case Step::text_check:
      return text_check_prompt(pair.instruction);
    case Step::answer:
      return response_prompt(pair.type, pair.instruction);
    case Step::label:
      break;
  }
  return label_prompt();
}

/// The question of this asker that the key names; nothing where the pair is past it.
std::optional<NextQuestion> question_of_key(const PairProgress& progress, const QuestionKey& key,
                                            std::string_view asker) {
  for (const NextQuestion& next : progress.next) {
    if (next.step == key.step && next.number == key.number && next.asker == asker) return next;
  }
  return std::nullopt;
}

bool has_spoken(const std::vector<KeptReply>& replies, std::string_view labeller) {
  return std::any_of(replies.begin(), replies.end(), [&](const KeptReply& reply) {
    return reply.by == labeller && reply.kind != KeptReply::Kind::broken;
  });
}

/// What a guard says, as a labeller's object.
Reading verdict_in(const chat::Reply& reply) {
  if (!reply.verdict) return {KeptReply::Kind::broken, "", "no verdict"};
  const ask::Json object = {{"label", taxonomy::classes()[reply.verdict->label].name},
                            {"reason", fmt::format("probability {:.3f}", reply.verdict->score())}};
  return {KeptReply::Kind::sound, ask::to_text(object), ""};
}

KeptReply kept_reply(const QuestionKey& key, const std::string& by, const chat::Reply& reply,
                     Reading reading) {
  KeptReply out;
  out.subject = key.subject;
  out.step = key.step;
  out.by = by;
  out.kind = reading.kind;
  out.object = std::move(reading.object);
  out.reason = std::move(reading.reason);
  out.text = reply.refusal.empty() ? reply.text : reply.refusal;
  out.input_tokens = reply.usage.prompt_tokens.value_or(0);
  out.output_tokens = reply.usage.completion_tokens.value_or(0);
  return out;
}

}  // namespace

chat::Key QuestionKey::key() const {
  return static_cast<chat::Key>((static_cast<std::uint64_t>(subject) << (number_bits + step_bits)) |
                                (number << step_bits) | static_cast<std::uint64_t>(step));
}

QuestionKey QuestionKey::of(chat::Key key) {
  const auto bits = static_cast<std::uint64_t>(key);
  return {static_cast<std::int64_t>(bits >> (number_bits + step_bits)),
          (bits >> step_bits) & ((std::uint64_t{1} << number_bits) - 1),
          static_cast<Step>(bits & ((1U << step_bits) - 1))};
}

Result<std::vector<ask::Pending>> BuildLedger::pending_after(chat::Key key, std::size_t most) {
  std::vector<ask::Pending> page;
  const std::int64_t after = key < 0 ? -1 : QuestionKey::of(key).subject;
  page_bytes_ = 0;
  HOLISAFE_CHECK(phase_ == Phase::label ? add_images(after, most, page) : add_pairs(after, most, page));
  return page;
}

Result<void> BuildLedger::add_images(std::int64_t after, std::size_t most, std::vector<ask::Pending>& page) {
  while (page.size() < most && page_bytes_ < most_page_bytes) {
    std::vector<ImageRow> images;
    HOLISAFE_CHECK(work_.for_each_image({.state = ImageState::unlabelled, .after = after, .limit = most},
                                        [&](const ImageRow& image) -> Result<void> {
                                          images.push_back(image);
                                          return {};
                                        }));
    if (images.empty()) return {};
    for (const ImageRow& image : images) {
      if (page.size() >= most || page_bytes_ >= most_page_bytes) break;
      after = image.id;
      const QuestionKey key{image.id, 0, Step::label};
      if (failed_.contains(key.key())) continue;
      HOLISAFE_TRY(const auto replies, work_.replies_of_image(image.id));
      if (!has_spoken(replies, asker_)) page.emplace_back(key.key(), question(image, key, label_prompt()));
    }
  }
  return {};
}

Result<void> BuildLedger::add_pairs(std::int64_t after, std::size_t most, std::vector<ask::Pending>& page) {
  while (page.size() < most && page_bytes_ < most_page_bytes) {
    HOLISAFE_TRY(const auto pairs,
                 work_.pairs_with_images({.state = PairState::planned, .after = after, .limit = most}));
    if (pairs.empty()) return {};
    for (const PairWithImage& both : pairs) {
      if (page.size() >= most || page_bytes_ >= most_page_bytes) break;
      after = both.pair.id;
      HOLISAFE_CHECK(add_pair(both, page));
    }
  }
  return {};
}

/// All questions of a pair stand in one page: the next one begins after the pair.
Result<void> BuildLedger::add_pair(const PairWithImage& both, std::vector<ask::Pending>& page) {
  HOLISAFE_TRY(const auto replies, work_.replies_of_pair(both.pair.id));
  const PairProgress progress = progress_of(both.pair, replies, rules_.pairs);
  for (const NextQuestion& next : progress.next) {
    if (next.asker != asker_) continue;
    const QuestionKey key{both.pair.id, next.number, next.step};
    page.emplace_back(key.key(), question(both.image, key, prompt_for(progress.row, next.step, next.before)));
  }
  return {};
}

Result<chat::Question> BuildLedger::question(const ImageRow& image, const QuestionKey& key,
                                             const Prompt& prompt) {
  std::vector<chat::Part> parts;
  if (key.step != Step::text_check) {
    HOLISAFE_TRY(auto shown, picture(image));
    parts.emplace_back(std::move(shown));
  }
  if (is_guard_) {
    chat::Generation verdict_alone;
    verdict_alone.max_new_tokens = 0;
    return chat::question_of(std::move(parts), verdict_alone);
  }
  parts.emplace_back(prompt.text);
  chat::Question out =
      chat::question_of(std::move(parts), generation_of(key.step, rules_.seed, key.subject, key.number));
  out.schema = schema_of(key.step);
  return out;
}

/// The bytes that were imported; another picture has no place under their hash.
Result<chat::Image> BuildLedger::picture(const ImageRow& image) {
  if (last_image_.first == image.id) return last_image_.second;
  HOLISAFE_TRY(std::string bytes, read_file(image.file, image::Limits().file_bytes));
  if (hex(sha256(bytes)) != image.sha256) {
    return fail(ErrorKind::mismatch, "the image is another one now", image.file,
                "expected the bytes that were imported");
  }
  page_bytes_ += bytes.size();
  last_image_ = {image.id, {image.path, std::make_shared<const std::string>(std::move(bytes))}};
  return last_image_.second;
}

Result<std::size_t> BuildLedger::record(std::span<const ask::Ended> ended) {
  Writing writing;
  std::size_t settled = 0;
  for (const auto& [key, reply] : ended) {
    const QuestionKey asked = QuestionKey::of(key);
    Result<bool> done =
        asked.step == Step::label ? record_image(asked, reply, writing) : record_pair(asked, reply, writing);
    if (!done) return fail(std::move(done).error());
    settled += *done ? 1 : 0;
  }
  HOLISAFE_CHECK(write(writing));
  return settled;
}

Result<bool> BuildLedger::record_image(const QuestionKey& key, const Result<chat::Reply>& reply,
                                       Writing& writing) {
  auto place = writing.images.find(key.subject);
  if (place == writing.images.end()) {
    HOLISAFE_TRY(const auto row, work_.image(key.subject));
    if (!row) return true;  // of a batch that knows more than WORK does
    HOLISAFE_TRY(auto replies, work_.replies_of_image(key.subject));
    place = writing.images.emplace(key.subject, ImageNow{*row, std::move(replies)}).first;
  }
  ImageNow& image = place->second;
  if (image.row.state != ImageState::unlabelled || has_spoken(image.replies, asker_)) return true;
  const bool settled = take(key, reply, image.replies, label_prompt(), writing);
  if (settled && take_votes(image.row, image.replies, rules_.labellers)) ++finished_;
  return settled;
}

Result<bool> BuildLedger::record_pair(const QuestionKey& key, const Result<chat::Reply>& reply,
                                      Writing& writing) {
  auto place = writing.pairs.find(key.subject);
  if (place == writing.pairs.end()) {
    HOLISAFE_TRY(const auto row, work_.pair(key.subject));
    if (!row) return true;
    HOLISAFE_TRY(auto replies, work_.replies_of_pair(key.subject));
    place = writing.pairs.emplace(key.subject, PairNow{*row, std::move(replies)}).first;
  }
  PairNow& pair = place->second;
  const PairProgress before = progress_of(pair.row, pair.replies, rules_.pairs);
  const auto asked = question_of_key(before, key, asker_);
  if (!asked) return true;  // answered meanwhile
  const bool settled =
      take(key, reply, pair.replies, prompt_for(before.row, key.step, asked->before), writing);
  if (!reply) return settled;
  const bool of_check = key.step == Step::check || key.step == Step::text_check;
  if (of_check && pair.replies.back().kind == KeptReply::Kind::declined)
    give_up(key, fmt::format("{} declined: {}", asker_, pair.replies.back().reason));
  pair.row = progress_of(pair.row, pair.replies, rules_.pairs).row;
  const auto failed = failed_.lower_bound(QuestionKey{key.subject, 0, Step::write}.key());
  if (failed != failed_.end() && QuestionKey::of(failed->first).subject == key.subject &&
      pair.row.state == PairState::planned) {
    pair.row.state = PairState::failed;
    pair.row.reason = failed->second;
  }
  finished_ += pair.row.state != PairState::planned ? 1 : 0;
  return settled;
}

/// Adds what came to `replies` and to what is written; whether the question is settled by it.
bool BuildLedger::take(const QuestionKey& key, const Result<chat::Reply>& reply,
                       std::vector<KeptReply>& replies, const Prompt& prompt, Writing& writing) {
  if (!reply) {
    errors_.insert_or_assign(key.key(), reply.error());
    return false;
  }
  errors_.erase(key.key());
  KeptReply kept =
      kept_reply(key, asker_, *reply, is_guard_ ? verdict_in(*reply) : reading_of(key.step, *reply));
  if (!is_guard_) {
    kept.prompt_sha256 = prompt.sha256();
    if (!prompts_.contains(kept.prompt_sha256)) writing.prompts.push_back(prompt);
  }
  kept.number = replies.empty() ? 0 : replies.back().number + 1;
  replies.push_back(kept);
  writing.replies.push_back(kept);
  if (kept.kind != KeptReply::Kind::broken) return true;
  ++malformed_;
  if (++broken_[key.key()] > rules_.max_retries) give_up(key, kept.reason);
  return false;
}

void BuildLedger::give_up(const QuestionKey& key, const std::string& reason) {
  failed_.emplace(key.key(), fmt::format("{}: {}", name(key.step), reason));
  if (!first_failure_.empty()) return;
  first_failure_ = fmt::format("{} {}, {}: {}", key.step == Step::label ? "image" : "pair", key.subject,
                               name(key.step), reason);
}

Result<void> BuildLedger::write(Writing& writing) {
  if (writing.replies.empty()) return {};
  std::vector<PairRow> pairs;
  std::vector<ImageRow> images;
  for (auto& [id, pair] : writing.pairs) pairs.push_back(std::move(pair.row));
  for (auto& [id, image] : writing.images) images.push_back(std::move(image.row));
  const auto all = [&]() -> Result<void> {
    for (const Prompt& prompt : writing.prompts)
      HOLISAFE_CHECK(work_.put_prompt(prompt.sha256(), prompt.remembered));
    return work_.keep(writing.replies, pairs, images);
  };
  HOLISAFE_CHECK(work_.together(all));
  for (const Prompt& prompt : writing.prompts) prompts_.insert(prompt.sha256());
  return {};
}

Result<void> BuildLedger::end_pass() {
  std::vector<PairRow> pairs;
  for (const auto& [key, error] : std::exchange(errors_, {})) {
    const QuestionKey asked = QuestionKey::of(key);
    // Without what names a server: the files of a build do not.
    if (first_failure_.empty()) {
      first_failure_ = fmt::format("{} {}, {}: {}", asked.step == Step::label ? "image" : "pair",
                                   asked.subject, name(asked.step), error.message());
    }
    give_up(asked, error.what);
    if (asked.step == Step::label) continue;
    HOLISAFE_TRY(auto row, work_.pair(asked.subject));
    if (!row || row->state != PairState::planned) continue;
    row->state = PairState::failed;
    row->reason = failed_.at(key);
    pairs.push_back(*std::move(row));
  }
  return work_.write(pairs);
}

Result<std::vector<ask::OpenBatch>> BuildLedger::open_batches() { return work_.open_batches(asker_); }

Result<void> BuildLedger::add_batch(const ask::OpenBatch& batch) { return work_.add_batch(asker_, batch); }

Result<void> BuildLedger::forget_batch(const std::string& id) { return work_.forget_batch(asker_, id); }

}  // namespace holisafe::construction
