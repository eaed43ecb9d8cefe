#include "store/run_store.h"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "store/columns.h"
#include "store/row_columns.h"
#include "store/row_digest.h"
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

/// Takes away what writers of result files left that were killed; under the run's lock.
void remove_leftovers(const std::filesystem::path& run) {
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator(run, code)) {
    if (entry.path().filename().string().starts_with(new_file_prefix))
      std::filesystem::remove(entry.path(), code);
  }
}

}  // namespace

void RunStore::FileCloser::operator()(const int* file) const {
  ::close(*file);
  delete file;
}

Result<RunStore> RunStore::open(const std::filesystem::path& run, Access access) {
  if (access == Access::write) HOLISAFE_CHECK(make_folders(run));
  std::unique_ptr<int, FileCloser> lock;
  if (access == Access::write) {
    const int file = ::open(run.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0) return fail(system_error("cannot open the run", run, errno));
    lock.reset(new int(file));
    if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
      return fail(ErrorKind::permission, "run in use", run.string(),
                  "expected to be the only one writing, found another process at it");
    }
    remove_leftovers(run);
  }
  HOLISAFE_TRY(Database database, Database::open(run / file_name, access));
  RunStore out(run, std::move(database));
  out.lock_ = std::move(lock);
  // What is read of the version, the tables and an older store's content is one state of it.
  HOLISAFE_CHECK(out.database_.run("BEGIN"));
  HOLISAFE_TRY(const std::int64_t found, out.checked_version(access));
  HOLISAFE_CHECK(out.prepare_tables(found, access));
  return out;
}

Result<std::int64_t> RunStore::checked_version(Access access) {
  HOLISAFE_TRY(Statement statement, database_.prepare("PRAGMA user_version"));
  HOLISAFE_TRY(const std::int64_t found, one_integer(statement));
  HOLISAFE_CHECK(statement.run());
  if (found < (access == Access::write ? 0 : 1) || found > version) {
    return fail(ErrorKind::unsupported, "cannot read the run store", (folder_ / file_name).string(),
                fmt::format("expected version 1 to {}, found {}", version, found));
  }
  HOLISAFE_CHECK(check_schema(database_, found));
  HOLISAFE_CHECK(check_pages());
  if (found == version) HOLISAFE_CHECK(check_digests(database_));
  return found;
}

Result<void> RunStore::check_pages() const {
  HOLISAFE_TRY(Statement statement, database_.prepare("PRAGMA integrity_check(1)"));
  HOLISAFE_TRY(const bool said, statement.step());
  if (said && statement.text(0) == "ok") return statement.run();
  constexpr std::size_t most_shown = 200;
  return fail(ErrorKind::malformed, "damaged run store", (folder_ / file_name).string(),
              said ? as_utf8(statement.text(0).substr(0, most_shown)) : "");
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

namespace {

/// All rows of a statement whose columns are texts with these names: the first two of each.
Result<Identity> text_pairs(Statement& statement, const char* table, const char* first, const char* second) {
  Identity out;
  while (true) {
    HOLISAFE_TRY(const bool found, statement.step());
    if (!found) return out;
    Columns columns(statement, table, std::nullopt);
    auto& [name, value] = out.emplace_back();
    HOLISAFE_CHECK(columns.text(first, name));
    HOLISAFE_CHECK(columns.text(second, value));
  }
}

}  // namespace

Result<Identity> RunStore::identity(const std::string& scope) const {
  HOLISAFE_TRY(Statement statement, database_.prepare("SELECT name, value FROM identities WHERE scope = ? "
                                                      "ORDER BY number"));
  return text_pairs(statement.bind(scope), "identities", "name", "value");
}

Result<bool> RunStore::is_older_identity(const std::string& scope) const {
  HOLISAFE_TRY(Statement statement, database_.prepare("SELECT 1 FROM older_identities WHERE scope = ?"));
  return statement.bind(scope).step();
}

namespace {

/// `"VALUE"`, or `nothing`.
std::string shown_value(const Identity& identity, const std::string& name) {
  for (const auto& [each, value] : identity) {
    if (each == name) return fmt::format("\"{}\"", value);
  }
  return "nothing";
}

/// What tells `now` from `known`, in words; names that only `now` has are let through where they may be new.
std::string differences(const Identity& known, const Identity& now, bool may_add) {
  std::string out;
  for (const auto* side : {&known, &now}) {
    for (const auto& [name, value] : *side) {
      const std::string before = shown_value(known, name);
      const std::string found = shown_value(now, name);
      if (before == found || (side == &now && (may_add || before != "nothing"))) continue;
      out += fmt::format("{}{}: expected {}, found {}", out.empty() ? "" : "; ", name, before, found);
    }
  }
  return out;
}

}  // namespace

Result<void> RunStore::require_same(const std::string& scope, const Identity& identity) {
  HOLISAFE_TRY(const Identity known, this->identity(scope));
  HOLISAFE_TRY(const bool older, is_older_identity(scope));
  if (!known.empty()) {
    std::string found = differences(known, identity, older);
    if (!found.empty()) {
      return fail(ErrorKind::mismatch, "run made from something else", (folder_ / file_name).string(),
                  std::move(found));
    }
    if (!older) return {};
  }
  return remember(scope, known, identity);
}

Result<void> RunStore::remember(const std::string& scope, const Identity& known, const Identity& identity) {
  HOLISAFE_TRY(Transaction transaction, Transaction::begin(database_));
  HOLISAFE_TRY(Statement statement,
               database_.prepare("INSERT INTO identities (scope, number, name, value) VALUES (?, ?, ?, ?)"));
  HOLISAFE_TRY(Statement last,
               database_.prepare("SELECT coalesce(max(number), -1) FROM identities WHERE scope = ?"));
  HOLISAFE_TRY(std::int64_t number, one_integer(last.bind(scope)));
  for (const auto& [name, value] : identity) {
    if (shown_value(known, name) != "nothing") continue;
    HOLISAFE_CHECK(statement.bind(scope).bind(++number).bind(name).bind(value).run());
  }
  HOLISAFE_TRY(Statement complete, database_.prepare("DELETE FROM older_identities WHERE scope = ?"));
  HOLISAFE_CHECK(complete.bind(scope).run());
  return transaction.commit();
}

Result<std::optional<std::string>> RunStore::value(const std::string& key) const {
  HOLISAFE_TRY(Statement statement, database_.prepare("SELECT value FROM key_values WHERE key = ?"));
  std::optional<std::string> out;
  HOLISAFE_TRY(const bool found, statement.bind(key).step());
  if (found) HOLISAFE_CHECK(Columns(statement, "key_values", std::nullopt).text("value", out.emplace()));
  return out;
}

Result<void> RunStore::put_value(const std::string& key, const std::string& value) {
  HOLISAFE_TRY(Statement statement,
               database_.prepare("INSERT INTO key_values (key, value) VALUES (?, ?) "
                                 "ON CONFLICT (key) DO UPDATE SET value = excluded.value"));
  return statement.bind(key).bind(value).run();
}

Result<std::vector<std::pair<std::string, std::string>>> RunStore::values(const std::string& prefix) const {
  HOLISAFE_TRY(Statement statement,
               database_.prepare("SELECT key, value FROM key_values WHERE substr(key, 1, length(?)) = ? "
                                 "ORDER BY key"));
  return text_pairs(statement.bind(prefix).bind(prefix), "key_values", "key", "value");
}

Result<void> RunStore::remove_value(const std::string& key) {
  HOLISAFE_TRY(Statement statement, database_.prepare("DELETE FROM key_values WHERE key = ?"));
  return statement.bind(key).run();
}

Result<SampleWriter> RunStore::add_samples(std::int64_t answers_a_sample) {
  HOLISAFE_TRY(const Counts known, counts());
  if (known.samples > 0) {
    return fail(ErrorKind::duplicate, "samples again", (folder_ / file_name).string(),
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
