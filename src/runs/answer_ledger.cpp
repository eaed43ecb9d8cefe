#include "runs/answer_ledger.h"

#include <fmt/format.h>

#include "runs/answerers.h"
#include "runs/reply_state.h"

namespace holisafe::runs {
namespace {

constexpr const char* batch_name = "run";

}  // namespace

void RunningRates::add(const store::Sample& sample, const store::Answer& answer) {
  const auto settled = mark_without_judge(benchmark_, answer, counting_);
  figures_.add(sample.groups, settled ? *settled
                                      : mark_by_rule(benchmark_, benchmark_.rules.front(), item_of(sample),
                                                     std::span(&answer.text, 1)));
}

Result<std::unique_ptr<AnswerLedger>> AnswerLedger::open(store::RunStore& store, Prompting prompting,
                                                         bool by_image) {
  HOLISAFE_TRY(const Counting counted, counting(store));
  HOLISAFE_TRY(const auto* benchmark, benchmark_of({"", {&store}}));
  HOLISAFE_TRY(auto images, images_of(store));
  HOLISAFE_TRY(const std::int64_t answers, store.answers_a_sample());
  std::unique_ptr<AnswerLedger> out(new AnswerLedger(store, AskedKeys(answers), std::move(prompting),
                                                     by_image, std::move(images),
                                                     RunningRates(*benchmark, counted)));
  HOLISAFE_CHECK(out->count_earlier_answers());
  return out;
}

Result<void> AnswerLedger::count_earlier_answers() {
  HOLISAFE_TRY(auto rows, store_.rows(""));
  store::Row row;
  while (true) {
    HOLISAFE_TRY(const bool found, rows.next(row));
    if (!found) return {};
    if (row.answer) rates_.add(row.sample, *row.answer);
  }
}

Result<std::vector<ask::Pending>> AnswerLedger::pending_after(chat::Key key, std::size_t most) {
  if (key < 0) last_cluster_ = -1;
  HOLISAFE_TRY(auto rows, by_image_ ? store_.unanswered_of_cluster_after(last_cluster_)
                                    : store_.unanswered_after(keys_.kept(key), most));
  std::vector<ask::Pending> out;
  images_.begin_page();
  for (store::Row& row : rows) {
    if (!by_image_ && images_.page_is_full()) break;
    const chat::Key asked = keys_.asked(row.key());
    HOLISAFE_TRY(const bool taken, images_.take(asked, question(row), out));
    if (!taken) break;
    last_cluster_ = row.sample.cluster;
    row.sample.parts.clear();
    in_hand_.insert_or_assign(asked, std::move(row.sample));
  }
  return out;
}

Result<chat::Question> AnswerLedger::question(const store::Row& row) {
  chat::Question out = chat::question_of(row.sample.parts, prompting_.how);
  const std::uint64_t seed = out.how.seed;
  out.how.seed = prompting_.draws_apart ? answer_seed(seed, row.sample.id, row.number)
                                        : seed + static_cast<std::uint64_t>(row.number);
  out.conversation.system = prompting_.system;
  for (chat::Part& part : out.conversation.turns.front().parts) {
    auto* image = std::get_if<chat::Image>(&part);
    if (image == nullptr) continue;
    HOLISAFE_TRY(*image, images_.image(image->file.string()));
  }
  return out;
}

Result<std::size_t> AnswerLedger::record(std::span<const ask::Ended> ended) {
  store::RunStore::Answers answers;
  std::size_t settled = 0;
  for (const auto& [asked, reply] : ended) {
    answers.emplace_back(keys_.kept(asked), answer_of(reply));
    settled += reply ? 1 : 0;
  }
  HOLISAFE_CHECK(store_.write(answers));
  for (std::size_t i = 0; i < ended.size(); ++i) {
    const auto row = in_hand_.extract(ended[i].first);
    if (!row.empty()) rates_.add(row.mapped(), answers[i].second);
  }
  return settled;
}

Result<std::vector<ask::OpenBatch>> AnswerLedger::open_batches() {
  return runs::open_batches(store_, batch_name);
}

Result<void> AnswerLedger::add_batch(const ask::OpenBatch& batch) {
  return runs::add_batch(store_, batch_name, batch);
}

Result<void> AnswerLedger::forget_batch(const std::string& id) {
  return runs::forget_batch(store_, batch_name, id);
}

}  // namespace holisafe::runs
