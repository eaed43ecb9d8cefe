#include "store/answer_replacer.h"

#include "base/text.h"
#include "store/row_columns.h"
#include "store/row_digest.h"

namespace holisafe::store {

Result<AnswerReplacer> AnswerReplacer::begin(const RunStore& store) {
  const Database& database = store.database_;
  HOLISAFE_TRY(const auto judges, store.judges());
  HOLISAFE_TRY(Transaction transaction, Transaction::begin(database));
  HOLISAFE_TRY(
      Statement same,
      database.prepare("SELECT 1 FROM predictions WHERE position = ? AND number = ? AND state = ? AND "
                       "text = ? AND finish_reason = ? AND reason = ? AND verdict IS ?"));
  HOLISAFE_TRY(Statement answer,
               database.prepare("INSERT OR REPLACE INTO predictions (position, number, state, text, "
                                "finish_reason, reason, verdict) VALUES (?, ?, ?, ?, ?, ?, ?)"));
  AnswerReplacer out(database, std::move(transaction), std::move(same), std::move(answer));
  for (const auto& judge : judges) {
    HOLISAFE_TRY(Statement judgement,
                 database.prepare("DELETE FROM verdicts WHERE judge = ? AND position = ? AND number = ?"));
    out.judges_.push_back(judge);
    out.judgements_.push_back(std::move(judgement));
  }
  return out;
}

Result<void> AnswerReplacer::put(const RunStore::Answers& answers) {
  for (const auto& [key, answer] : answers) HOLISAFE_CHECK(put(key, answer));
  return {};
}

Result<void> AnswerReplacer::put(const AnswerKey& key, const Answer& answer) {
  const auto bind = [&](Statement& statement) {
    statement.bind(key.position).bind(key.number).bind(name(answer.state)).bind(as_utf8(answer.text));
    statement.bind(as_utf8(answer.finish_reason)).bind(as_utf8(answer.reason));
    statement.bind_or_null(verdict_text(answer.verdict));
  };
  bind(same_);
  HOLISAFE_TRY(const bool same, same_.step());
  HOLISAFE_CHECK(same_.run());  // to its end, so that it can be bound again
  if (same) return {};
  bind(answer_);
  HOLISAFE_CHECK(answer_.run());
  for (std::size_t i = 0; i < judges_.size(); ++i)
    HOLISAFE_CHECK(judgements_[i].bind(judges_[i]).bind(key.position).bind(key.number).run());
  return {};
}

Result<void> AnswerReplacer::commit(const Identity& identity) {
  HOLISAFE_CHECK(database_->run("DELETE FROM identities WHERE scope = 'run'"));
  HOLISAFE_TRY(Statement statement, database_->prepare("INSERT INTO identities (scope, number, name, value) "
                                                       "VALUES ('run', ?, ?, ?)"));
  std::int64_t number = 0;
  for (const auto& [name, value] : identity)
    HOLISAFE_CHECK(statement.bind(number++).bind(name).bind(value).run());
  HOLISAFE_CHECK(keep_digests(*database_));
  return transaction_.commit();
}

}  // namespace holisafe::store
