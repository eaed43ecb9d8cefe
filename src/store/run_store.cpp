#include "store/run_store.h"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "store/row_columns.h"

namespace holisafe::store {
namespace {

constexpr std::int64_t version = 1;

constexpr const char* tables = R"(
CREATE TABLE identities (scope TEXT NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (scope, number)) WITHOUT ROWID;
CREATE TABLE key_values (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE images (number INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE);
CREATE TABLE samples (position INTEGER PRIMARY KEY, id TEXT NOT NULL, id_is_string INTEGER NOT NULL,
  image INTEGER NOT NULL, query TEXT NOT NULL, type TEXT NOT NULL, subcategory INTEGER NOT NULL,
  label INTEGER NOT NULL, json TEXT NOT NULL, UNIQUE (id, id_is_string));
CREATE INDEX samples_of_image ON samples (image, position);
CREATE TABLE predictions (position INTEGER PRIMARY KEY, state TEXT NOT NULL, text TEXT NOT NULL,
  finish_reason TEXT NOT NULL, reason TEXT NOT NULL, guard TEXT);
CREATE TABLE verdicts (judge TEXT NOT NULL, position INTEGER NOT NULL, state TEXT NOT NULL, text TEXT NOT NULL,
  reason TEXT NOT NULL, PRIMARY KEY (judge, position)) WITHOUT ROWID;
PRAGMA user_version = 1;
)";

constexpr const char* from_samples = "FROM samples JOIN images ON images.number = samples.image ";
constexpr const char* with_predictions = "LEFT JOIN predictions ON predictions.position = samples.position ";
constexpr const char* unanswered = "(predictions.state IS NULL OR predictions.state = 'unanswered') ";

Result<std::int64_t> one_integer(Statement& statement) {
  HOLISAFE_TRY(const bool found, statement.step());
  return found ? statement.integer(0) : 0;
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
  }
  HOLISAFE_TRY(Database database, Database::open(run / file_name, access));
  RunStore out(run, std::move(database));
  out.lock_ = std::move(lock);
  HOLISAFE_TRY(Statement statement, out.database_.prepare("PRAGMA user_version"));
  HOLISAFE_TRY(const std::int64_t found, one_integer(statement));
  if (found == 0 && access == Access::write) {
    HOLISAFE_CHECK(out.make_tables());
  } else if (found != version) {
    return fail(ErrorKind::unsupported, "cannot read the run store", (run / file_name).string(),
                fmt::format("expected version {}, found {}", version, found));
  }
  return out;
}

Result<void> RunStore::make_tables() {
  HOLISAFE_TRY(Transaction transaction, Transaction::begin(database_));
  HOLISAFE_CHECK(database_.run(tables));
  return transaction.commit();
}

Result<Identity> RunStore::identity(const std::string& scope) const {
  HOLISAFE_TRY(Statement statement, database_.prepare("SELECT name, value FROM identities WHERE scope = ? "
                                                      "ORDER BY number"));
  statement.bind(scope);
  Identity out;
  while (true) {
    HOLISAFE_TRY(const bool found, statement.step());
    if (!found) return out;
    out.emplace_back(statement.text(0), statement.text(1));
  }
}

Result<void> RunStore::require_same(const std::string& scope, const Identity& identity) {
  HOLISAFE_TRY(const Identity known, this->identity(scope));
  if (!known.empty()) {
    const auto value_of = [](const Identity& from, const std::string& name) {
      for (const auto& [each, value] : from) {
        if (each == name) return fmt::format("\"{}\"", value);
      }
      return std::string("nothing");
    };
    std::string differences;
    for (const auto* side : {&known, &identity}) {
      for (const auto& [name, value] : *side) {
        const std::string before = value_of(known, name);
        const std::string now = value_of(identity, name);
        if (before == now || (side == &identity && before != "nothing")) continue;
        differences +=
            fmt::format("{}{}: expected {}, found {}", differences.empty() ? "" : "; ", name, before, now);
      }
    }
    if (differences.empty()) return {};
    return fail(ErrorKind::mismatch, "run made from something else", (folder_ / file_name).string(),
                std::move(differences));
  }
  HOLISAFE_TRY(Transaction transaction, Transaction::begin(database_));
  HOLISAFE_TRY(Statement statement,
               database_.prepare("INSERT INTO identities (scope, number, name, value) VALUES (?, ?, ?, ?)"));
  std::int64_t number = 0;
  for (const auto& [name, value] : identity) {
    statement.bind(scope).bind(number++).bind(name).bind(value);
    HOLISAFE_CHECK(statement.run());
  }
  return transaction.commit();
}

Result<std::optional<std::string>> RunStore::value(const std::string& key) const {
  HOLISAFE_TRY(Statement statement, database_.prepare("SELECT value FROM key_values WHERE key = ?"));
  statement.bind(key);
  HOLISAFE_TRY(const bool found, statement.step());
  if (!found) return std::optional<std::string>();
  return std::optional<std::string>(statement.text(0));
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
  statement.bind(prefix).bind(prefix);
  std::vector<std::pair<std::string, std::string>> out;
  while (true) {
    HOLISAFE_TRY(const bool found, statement.step());
    if (!found) return out;
    out.emplace_back(statement.text(0), statement.text(1));
  }
}

Result<void> RunStore::remove_value(const std::string& key) {
  HOLISAFE_TRY(Statement statement, database_.prepare("DELETE FROM key_values WHERE key = ?"));
  return statement.bind(key).run();
}

Result<RunStore::Counts> RunStore::counts() const {
  HOLISAFE_TRY(Statement statement,
               database_.prepare("SELECT (SELECT count(*) FROM samples), "
                                 "count(*) FILTER (WHERE state = 'answered'), "
                                 "count(*) FILTER (WHERE state = 'filtered'), "
                                 "count(*) FILTER (WHERE state = 'unanswered') FROM predictions"));
  HOLISAFE_CHECK(statement.step());
  const auto count = [&](int column) { return static_cast<std::uint64_t>(statement.integer(column)); };
  return Counts{count(0), count(1), count(2), count(3)};
}

Result<std::vector<Sample>> RunStore::unanswered_after(std::int64_t position, std::size_t most) const {
  HOLISAFE_TRY(Statement statement,
               database_.prepare(fmt::format("SELECT {} {}{}WHERE samples.position > ? AND {}"
                                             "ORDER BY samples.position LIMIT ?",
                                             sample_columns, from_samples, with_predictions, unanswered)));
  statement.bind(position).bind(static_cast<std::int64_t>(most));
  std::vector<Sample> out;
  while (true) {
    HOLISAFE_TRY(const bool found, statement.step());
    if (!found) return out;
    HOLISAFE_CHECK(read_sample(statement, out.emplace_back()));
  }
}

Result<std::vector<Sample>> RunStore::unanswered_of_image_after(std::int64_t image_number) const {
  HOLISAFE_TRY(Statement next, database_.prepare(fmt::format(
                                   "SELECT samples.image FROM samples {}WHERE samples.image > ? AND {}"
                                   "ORDER BY samples.image LIMIT 1",
                                   with_predictions, unanswered)));
  next.bind(image_number);
  std::vector<Sample> out;
  HOLISAFE_TRY(const bool any, next.step());
  if (!any) return out;
  HOLISAFE_TRY(Statement statement,
               database_.prepare(fmt::format("SELECT {} {}{}WHERE samples.image = ? AND {}"
                                             "ORDER BY samples.position",
                                             sample_columns, from_samples, with_predictions, unanswered)));
  statement.bind(next.integer(0));
  while (true) {
    HOLISAFE_TRY(const bool found, statement.step());
    if (!found) return out;
    HOLISAFE_CHECK(read_sample(statement, out.emplace_back()));
  }
}

Result<void> RunStore::write(const Answers& answers) {
  if (answers.empty()) return {};
  HOLISAFE_TRY(Transaction transaction, Transaction::begin(database_));
  HOLISAFE_TRY(Statement statement,
               database_.prepare(
                   "INSERT INTO predictions (position, state, text, finish_reason, reason, guard) "
                   "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (position) DO UPDATE SET state = excluded.state, "
                   "text = excluded.text, finish_reason = excluded.finish_reason, reason = excluded.reason, "
                   "guard = excluded.guard WHERE predictions.state = 'unanswered'"));
  for (const auto& [position, answer] : answers) {
    statement.bind(position).bind(name(answer.state)).bind(answer.text).bind(answer.finish_reason);
    HOLISAFE_CHECK(statement.bind(answer.reason).bind_or_null(guard_text(answer.guard)).run());
  }
  return transaction.commit();
}

Result<RowCursor> RunStore::rows(const std::string& judge) const {
  HOLISAFE_TRY(Statement statement,
               database_.prepare(fmt::format(
                   "SELECT {}, {}, {} {}{}LEFT JOIN verdicts ON verdicts.judge = ? AND "
                   "verdicts.position = samples.position ORDER BY samples.position",
                   sample_columns, prediction_columns, verdict_columns, from_samples, with_predictions)));
  statement.bind(judge);
  return RowCursor(std::move(statement));
}

Result<bool> RowCursor::next(Row& row) {
  HOLISAFE_TRY(const bool found, statement_.step());
  if (!found) return false;
  HOLISAFE_CHECK(read_sample(statement_, row.sample));
  HOLISAFE_CHECK(read_prediction(statement_, row.prediction));
  HOLISAFE_CHECK(read_verdict(statement_, row.verdict));
  return true;
}

Result<std::vector<std::string>> RunStore::judges() const {
  HOLISAFE_TRY(Statement statement, database_.prepare("SELECT DISTINCT judge FROM verdicts ORDER BY judge"));
  std::vector<std::string> out;
  while (true) {
    HOLISAFE_TRY(const bool found, statement.step());
    if (!found) return out;
    out.emplace_back(statement.text(0));
  }
}

namespace {

/// Answered and without a verdict of the judge that is bound next.
constexpr const char* from_unjudged =
    "FROM samples JOIN images ON images.number = samples.image "
    "JOIN predictions ON predictions.position = samples.position AND predictions.state = 'answered' "
    "LEFT JOIN verdicts ON verdicts.judge = ? AND verdicts.position = samples.position "
    "WHERE (verdicts.state IS NULL OR verdicts.state = 'unjudged') ";

}  // namespace

Result<std::vector<Row>> RunStore::unjudged_after(const std::string& judge, std::int64_t position,
                                                  std::size_t most) const {
  HOLISAFE_TRY(Statement statement,
               database_.prepare(fmt::format(
                   "SELECT {}, {}, {} {}AND samples.position > ? ORDER BY samples.position LIMIT ?",
                   sample_columns, prediction_columns, verdict_columns, from_unjudged)));
  statement.bind(judge).bind(position).bind(static_cast<std::int64_t>(most));
  std::vector<Row> out;
  while (true) {
    HOLISAFE_TRY(const bool found, statement.step());
    if (!found) return out;
    Row& row = out.emplace_back();
    HOLISAFE_CHECK(read_sample(statement, row.sample));
    HOLISAFE_CHECK(read_prediction(statement, row.prediction));
    HOLISAFE_CHECK(read_verdict(statement, row.verdict));
  }
}

Result<std::uint64_t> RunStore::unjudged_count(const std::string& judge) const {
  HOLISAFE_TRY(Statement statement, database_.prepare(fmt::format("SELECT count(*) {}", from_unjudged)));
  statement.bind(judge);
  HOLISAFE_TRY(const std::int64_t count, one_integer(statement));
  return static_cast<std::uint64_t>(count);
}

Result<void> RunStore::write(const std::string& judge, const Verdicts& verdicts) {
  if (verdicts.empty()) return {};
  HOLISAFE_TRY(Transaction transaction, Transaction::begin(database_));
  HOLISAFE_TRY(
      Statement statement,
      database_.prepare("INSERT INTO verdicts (judge, position, state, text, reason) VALUES (?, ?, ?, ?, ?) "
                        "ON CONFLICT (judge, position) DO UPDATE SET state = excluded.state, "
                        "text = excluded.text, reason = excluded.reason WHERE verdicts.state = 'unjudged'"));
  for (const auto& [position, verdict] : verdicts) {
    statement.bind(judge).bind(position).bind(judge::name(verdict.state)).bind(verdict.text);
    HOLISAFE_CHECK(statement.bind(verdict.reason).run());
  }
  return transaction.commit();
}

}  // namespace holisafe::store
