#include "store/run_store.h"

#include <fmt/format.h>

#include "base/file.h"
#include "base/text.h"
#include "store/columns.h"
#include "store/row_columns.h"
#include "store/row_digest.h"
#include "store/soundness.h"
#include "store/tables.h"

namespace holisafe::store {
namespace {

constexpr const char* from_questions =
    "FROM samples CROSS JOIN numbers LEFT JOIN predictions ON predictions.position = samples.position AND "
    "predictions.number = numbers.number ";
constexpr const char* is_open = "(predictions.state IS NULL OR predictions.state = 'unanswered') ";
constexpr const char* in_order = "ORDER BY samples.position, numbers.number ";

Result<std::int64_t> one_integer(Statement& statement) {
  HOLISAFE_TRY(const bool found, statement.step());
  return found ? statement.integer(0) : 0;
}

}  // namespace

Result<RunStore> RunStore::open(const std::filesystem::path& run, Access access) {
  std::error_code code;
  const bool there = std::filesystem::exists(run / file_name, code);
  for (const std::string_view other : {guard_run_file, guard_answers_file}) {
    if (there || !std::filesystem::exists(run / other, code)) continue;
    return fail(ErrorKind::unexpected, "no benchmark's run", (run / other).string(),
                "expected the folder of a benchmark's run, found a guard's");
  }
  return open_file(run, file_name, access);
}

Result<RunStore> RunStore::open_guard_answers(const std::filesystem::path& run, Access access) {
  std::error_code code;
  const bool there = std::filesystem::exists(run / guard_answers_file, code);
  for (const std::string_view other : {file_name, guard_run_file}) {
    if (there || !std::filesystem::exists(run / other, code)) continue;
    return fail(ErrorKind::unexpected, "no guard's answers", (run / other).string(),
                "expected the folder of a `bench guard`, found another run's");
  }
  return open_file(run, guard_answers_file, access);
}

Result<RunStore> RunStore::in_memory() {
  HOLISAFE_TRY(Database database, Database::in_memory());
  HOLISAFE_CHECK(make_tables(database));
  return RunStore({}, std::move(database));
}

Result<RunStore> RunStore::open_file(const std::filesystem::path& run, std::string_view file, Access access) {
  if (access == Access::write) HOLISAFE_CHECK(make_folders(run));
  std::optional<FolderLock> lock;
  if (access == Access::write) {
    HOLISAFE_TRY(lock, FolderLock::take(run));
  }
  HOLISAFE_TRY(Database database, Database::open(run / file, access));
  RunStore out(run, std::move(database));
  out.lock_ = std::move(lock);
  // What is read of the version, the tables and an older store's content is one state of it.
  HOLISAFE_CHECK(out.database_.run("BEGIN"));
  HOLISAFE_TRY(const std::int64_t found, out.checked_version(access));
  HOLISAFE_CHECK(out.prepare_tables(found, access));
  return out;
}

Result<std::int64_t> RunStore::checked_version(Access access) {
  HOLISAFE_TRY(const std::int64_t found, version_of(database_, version, access));
  HOLISAFE_CHECK(check_schema(database_, found));
  HOLISAFE_CHECK(check_pages(database_));
  if (found == version) HOLISAFE_CHECK(check_digests(database_));
  return found;
}

Result<void> RunStore::prepare_tables(std::int64_t found, Access access) {
  const bool older = found > 0 && found < version;
  if (older && access == Access::read) return view_older(database_, found);
  HOLISAFE_CHECK(database_.run("COMMIT"));
  if (access == Access::read) return {};
  HOLISAFE_CHECK(database_.prepare_for_writing());
  if (found == 0) return make_tables(database_);
  return older ? migrate(database_, found) : Result<void>();
}

Result<Identity> RunStore::identity(const std::string& scope) const {
  return Remembered(database_).identity(scope);
}

Result<bool> RunStore::is_older_identity(const std::string& scope) const {
  HOLISAFE_TRY(Statement statement, database_.prepare("SELECT 1 FROM older_identities WHERE scope = ?"));
  return statement.bind(scope).step();
}

Result<void> RunStore::require_same(const std::string& scope, const Identity& identity) {
  const Remembered remembered(database_);
  HOLISAFE_TRY(const Identity known, remembered.identity(scope));
  HOLISAFE_TRY(const bool older, is_older_identity(scope));
  HOLISAFE_CHECK(remembered.check_same(known, identity, older));
  if (!known.empty() && !older) return {};
  HOLISAFE_TRY(Transaction transaction, Transaction::begin(database_));
  HOLISAFE_CHECK(remembered.add(scope, known, identity));
  HOLISAFE_TRY(Statement complete, database_.prepare("DELETE FROM older_identities WHERE scope = ?"));
  HOLISAFE_CHECK(complete.bind(scope).run());
  return transaction.commit();
}

Result<std::optional<std::string>> RunStore::value(const std::string& key) const {
  return Remembered(database_).value(key);
}

Result<void> RunStore::put_value(const std::string& key, const std::string& value) {
  return Remembered(database_).put_value(key, value);
}

Result<std::vector<std::pair<std::string, std::string>>> RunStore::values(const std::string& prefix) const {
  return Remembered(database_).values(prefix);
}

Result<void> RunStore::remove_value(const std::string& key) {
  return Remembered(database_).remove_value(key);
}

Result<SampleWriter> RunStore::add_samples(std::int64_t answers_a_sample) {
  HOLISAFE_TRY(const Counts known, counts());
  if (known.samples > 0) {
    return fail(ErrorKind::duplicate, "samples again", database_.where(),
                fmt::format("expected a store without any, found {}", known.samples));
  }
  return SampleWriter::begin(database_, answers_a_sample);
}

Result<std::int64_t> RunStore::answers_a_sample() const {
  HOLISAFE_TRY(Statement statement, database_.prepare("SELECT count(*) FROM numbers"));
  return one_integer(statement);
}

Result<RunStore::Counts> RunStore::counts() const {
  HOLISAFE_TRY(Statement statement,
               database_.prepare("SELECT (SELECT count(*) FROM samples), (SELECT count(*) FROM numbers), "
                                 "count(*) FILTER (WHERE state = 'answered'), "
                                 "count(*) FILTER (WHERE state = 'filtered'), "
                                 "count(*) FILTER (WHERE state = 'empty'), "
                                 "count(*) FILTER (WHERE state = 'unanswered') FROM predictions"));
  HOLISAFE_CHECK(statement.step());
  const auto count = [&](int column) { return static_cast<std::uint64_t>(statement.integer(column)); };
  return Counts{count(0), count(0) * count(1), count(2), count(3), count(4), count(5)};
}

namespace {

/// All rows of a statement that selects a sample's columns and an answer's, and a judgement's if `judged`.
Result<std::vector<Row>> read_rows(Statement& statement, bool judged) {
  std::vector<Row> out;
  while (true) {
    HOLISAFE_TRY(const bool found, statement.step());
    if (!found) return out;
    Row& row = out.emplace_back();
    HOLISAFE_CHECK(read_sample(statement, row.sample));
    HOLISAFE_CHECK(read_answer(statement, row));
    if (judged) HOLISAFE_CHECK(read_judgement(statement, row));
  }
}

}  // namespace

Result<std::vector<Row>> RunStore::unanswered_after(AnswerKey key, std::size_t most) const {
  HOLISAFE_TRY(Statement statement, database_.prepare(fmt::format(
                                        "SELECT {}, {} {}WHERE samples.position >= ? AND "
                                        "(samples.position > ? OR numbers.number > ?) AND {}{}LIMIT ?",
                                        sample_columns, answer_columns, from_questions, is_open, in_order)));
  statement.bind(key.position).bind(key.position).bind(key.number).bind(static_cast<std::int64_t>(most));
  return read_rows(statement, false);
}

Result<std::vector<Row>> RunStore::unanswered_of_cluster_after(std::int64_t cluster) const {
  HOLISAFE_TRY(Statement next,
               database_.prepare(fmt::format("SELECT samples.cluster {}WHERE samples.cluster > ? AND {}"
                                             "ORDER BY samples.cluster LIMIT 1",
                                             from_questions, is_open)));
  next.bind(cluster);
  HOLISAFE_TRY(const bool any, next.step());
  if (!any) return std::vector<Row>();
  HOLISAFE_TRY(Statement statement, database_.prepare(fmt::format(
                                        "SELECT {}, {} {}WHERE samples.cluster = ? AND {}{}", sample_columns,
                                        answer_columns, from_questions, is_open, in_order)));
  statement.bind(next.integer(0));
  return read_rows(statement, false);
}

Result<void> RunStore::write(const Answers& answers) {
  if (answers.empty()) return {};
  HOLISAFE_TRY(Transaction transaction, Transaction::begin(database_));
  HOLISAFE_TRY(Statement statement,
               database_.prepare(
                   "INSERT INTO predictions (position, number, state, text, finish_reason, reason, verdict) "
                   "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (position, number) DO UPDATE SET "
                   "state = excluded.state, text = excluded.text, finish_reason = excluded.finish_reason, "
                   "reason = excluded.reason, verdict = excluded.verdict "
                   "WHERE predictions.state = 'unanswered'"));
  HOLISAFE_TRY(WrittenRows digest, WrittenRows::begin(database_, predictions_table));
  for (const auto& [key, answer] : answers) {
    HOLISAFE_CHECK(digest.before(digest.row().bind(key.position).bind(key.number)));
    statement.bind(key.position).bind(key.number).bind(name(answer.state)).bind(as_utf8(answer.text));
    statement.bind(as_utf8(answer.finish_reason)).bind(as_utf8(answer.reason));
    HOLISAFE_CHECK(statement.bind_or_null(verdict_text(answer.verdict)).run());
    HOLISAFE_CHECK(digest.after(digest.row().bind(key.position).bind(key.number)));
  }
  HOLISAFE_CHECK(digest.keep());
  return transaction.commit();
}

Result<RowCursor> RunStore::rows(const std::string& judge) const {
  HOLISAFE_TRY(Statement statement,
               database_.prepare(
                   fmt::format("SELECT {}, {}, {} {}LEFT JOIN verdicts ON verdicts.judge = ? AND "
                               "verdicts.position = samples.position AND verdicts.number = numbers.number {}",
                               sample_columns, answer_columns, judgement_columns, from_questions, in_order)));
  statement.bind(judge);
  return RowCursor(std::move(statement));
}

Result<bool> RowCursor::next(Row& row) {
  HOLISAFE_TRY(const bool found, statement_.step());
  if (!found) return false;
  HOLISAFE_CHECK(read_sample(statement_, row.sample));
  HOLISAFE_CHECK(read_answer(statement_, row));
  HOLISAFE_CHECK(read_judgement(statement_, row));
  return true;
}

Result<std::vector<std::string>> RunStore::judges() const {
  HOLISAFE_TRY(Statement statement, database_.prepare("SELECT DISTINCT judge FROM verdicts ORDER BY judge"));
  std::vector<std::string> out;
  while (true) {
    HOLISAFE_TRY(const bool found, statement.step());
    if (!found) return out;
    HOLISAFE_CHECK(Columns(statement, "verdicts", std::nullopt).text("judge", out.emplace_back()));
  }
}

namespace {

/// Answered and without a judgement of the judge that is bound next.
constexpr const char* from_unjudged =
    "FROM samples CROSS JOIN numbers CROSS JOIN predictions ON predictions.position = samples.position AND "
    "predictions.number = numbers.number AND predictions.state = 'answered' "
    "LEFT JOIN verdicts ON verdicts.judge = ? AND verdicts.position = samples.position AND "
    "verdicts.number = numbers.number WHERE (verdicts.state IS NULL OR verdicts.state = 'unjudged') ";

}  // namespace

Result<std::vector<Row>> RunStore::unjudged_after(const std::string& judge, AnswerKey key,
                                                  std::size_t most) const {
  HOLISAFE_TRY(Statement statement,
               database_.prepare(fmt::format("SELECT {}, {}, {} {}AND samples.position >= ? AND "
                                             "(samples.position > ? OR numbers.number > ?) {}LIMIT ?",
                                             sample_columns, answer_columns, judgement_columns, from_unjudged,
                                             in_order)));
  statement.bind(judge).bind(key.position).bind(key.position).bind(key.number);
  statement.bind(static_cast<std::int64_t>(most));
  return read_rows(statement, true);
}

Result<std::uint64_t> RunStore::unjudged_count(const std::string& judge) const {
  HOLISAFE_TRY(Statement statement, database_.prepare(fmt::format("SELECT count(*) {}", from_unjudged)));
  statement.bind(judge);
  HOLISAFE_TRY(const std::int64_t count, one_integer(statement));
  return static_cast<std::uint64_t>(count);
}

Result<void> RunStore::forget_judge(const std::string& judge) {
  HOLISAFE_TRY(Transaction transaction, Transaction::begin(database_));
  for (const char* sql : {"DELETE FROM verdicts WHERE judge = ?", "DELETE FROM identities WHERE scope = ?",
                          "DELETE FROM older_identities WHERE scope = ?"}) {
    HOLISAFE_TRY(Statement statement, database_.prepare(sql));
    HOLISAFE_CHECK(statement.bind(judge).run());
  }
  HOLISAFE_CHECK(keep_digests(database_));
  return transaction.commit();
}

Result<void> RunStore::write(const std::string& judge, const Judgements& judgements) {
  if (judgements.empty()) return {};
  HOLISAFE_TRY(Transaction transaction, Transaction::begin(database_));
  HOLISAFE_TRY(
      Statement statement,
      database_.prepare("INSERT INTO verdicts (judge, position, number, state, text, reason, value) "
                        "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (judge, position, number) DO UPDATE SET "
                        "state = excluded.state, text = excluded.text, reason = excluded.reason, "
                        "value = excluded.value WHERE verdicts.state = 'unjudged'"));
  HOLISAFE_TRY(WrittenRows digest, WrittenRows::begin(database_, verdicts_table));
  for (const auto& [key, judgement] : judgements) {
    HOLISAFE_CHECK(digest.before(digest.row().bind(judge).bind(key.position).bind(key.number)));
    statement.bind(judge).bind(key.position).bind(key.number).bind(judgement.state);
    statement.bind(as_utf8(judgement.text)).bind(as_utf8(judgement.reason));
    HOLISAFE_CHECK(statement.bind_or_null(judgement.value).run());
    HOLISAFE_CHECK(digest.after(digest.row().bind(judge).bind(key.position).bind(key.number)));
  }
  HOLISAFE_CHECK(digest.keep());
  return transaction.commit();
}

}  // namespace holisafe::store
