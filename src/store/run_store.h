// The store of one run: RUN/run.db, SQLite. What was to be asked (samples), what came back (answers), and
// what judges said of it (judgements, several judges side by side). It knows no benchmark and no judge.
//
//   HOLISAFE_TRY(RunStore store, RunStore::open("runs/gpt-4o", Access::write));
//   HOLISAFE_CHECK(store.require_same("run", {{"data", sha256}, {"model", "gpt-4o"}}));
//   HOLISAFE_TRY(SampleWriter writer, store.add_samples(1));
//   HOLISAFE_CHECK(writer.add(samples));
//   HOLISAFE_CHECK(writer.commit());
//   HOLISAFE_TRY(const auto rows, store.unanswered_after({}, 64));
//   …
//   HOLISAFE_CHECK(store.write(answers));          // on disk when it returns
//   HOLISAFE_CHECK(store.write(judge, judgements));
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chat/chat.h"
#include "store/database.h"
#include "store/folder_lock.h"
#include "store/remembered.h"
#include "store/sample_writer.h"
#include "taxonomy/verdict.h"

namespace holisafe::store {

/// What became of a question. One without an Answer has not been asked to the end yet.
enum class AnswerState {
  answered,    ///< an answer came; final
  filtered,    ///< the endpoint's own content filter refused it; final
  empty,       ///< what came holds no answer (no text, reasoning or tool calls alone); final
  unanswered,  ///< all tries failed; asked again by the next run
};
std::string_view name(AnswerState state);

struct Answer {
  AnswerState state = AnswerState::unanswered;
  std::string text;  ///< what came, unchanged; nothing of unanswered (a filter may leave a beginning)
  std::string finish_reason;                 ///< "stop", "length", … as the endpoint said; may be empty
  std::string reason;                        ///< why there is no answer, of unanswered and empty
  std::optional<taxonomy::Verdict> verdict;  ///< of a guard, without its logits
};

/// The state of a judgement that says nothing: it could not be read, or the judge gave none.
inline constexpr std::string_view unjudged = "unjudged";

/// What a judge said of one answer.
struct Judgement {
  std::string state = std::string(unjudged);  ///< the judge's own word, or `unjudged`
  std::string text;                           ///< what the judge wrote, unchanged; empty for rules
  std::string reason;                         ///< why it is unjudged; may be empty otherwise
  std::optional<double> value = {};           ///< where the judge gives a number

  [[nodiscard]] bool judged() const { return state != unjudged; }
};

/// Names an answer: its sample's position, and its number among the answers of that sample, from 0.
struct AnswerKey {
  std::int64_t position = -1;  ///< -1: before all
  std::int64_t number = 0;
  // clang-tidy 14 takes the comparison with 0 that this makes for a null pointer's.
  auto operator<=>(const AnswerKey&) const = default;  // NOLINT(modernize-use-nullptr)
};

/// One answer of a sample, or its place, with what is known of it.
struct Row {
  Sample sample;
  std::int64_t number = 0;  ///< of the answer; 0 where a run asks for one answer a sample
  std::optional<Answer> answer;
  std::optional<Judgement> judgement;  ///< of the judge that was asked for

  [[nodiscard]] AnswerKey key() const { return {sample.position, number}; }
};

/// All rows of a run, one at a time: samples in the order of the data, the answers of each by number.
class RowCursor {
 public:
  /// Fills `row`, whose strings serve again; false after the last. Errors: those of Database.
  Result<bool> next(Row& row);

 private:
  friend class RunStore;
  explicit RowCursor(Statement statement) : statement_(std::move(statement)) {}
  Statement statement_;
};

/// Movable; one thread at a time. While one is open with write access no other process gets write access to
/// the same run; reading goes on beside it.
///
/// Every function that writes does so in one transaction and returns when that is on disk: after a kill at
/// any moment all or nothing of it is found. Errors of all functions: those of Database.
class RunStore {
 public:
  static constexpr std::string_view file_name = "run.db";
  /// What lies in the folder of a guard run (verdicts/guard_store.h), which is no benchmark's.
  static constexpr std::string_view guard_run_file = "guard.db";

  /// The same for a guard's answers about a benchmark's images, one sample an image (runs/guard_answers.h).
  static constexpr std::string_view guard_answers_file = "guard_answers.db";

  /// Opens RUN/run.db; with write access makes folder and file where they are missing. Anybody may have made
  /// or damaged them: the tables must be this program's and whole, the rows those that were written. A store
  /// of an earlier version is read as it is, as it stood when it was opened; write access brings it to this
  /// version first, in one transaction. Further errors: not_found (no run there), unsupported (a store of a
  /// later version), permission (another process is writing), malformed, unexpected (a link, a guard's run).
  static Result<RunStore> open(const std::filesystem::path& run, Access access);
  /// The same of RUN/guard_answers.db.
  static Result<RunStore> open_guard_answers(const std::filesystem::path& run, Access access);
  /// An empty store that ends with the object.
  static Result<RunStore> in_memory();

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

  /// Remembers what `scope` ("run", or a judge's name) is made from, or compares with what is remembered.
  /// What version 1 did not remember of a scope is added the first time. Error: mismatch, with the names that
  /// differ and both values.
  Result<void> require_same(const std::string& scope, const Identity& identity);
  /// What is remembered; empty where nothing is.
  Result<Identity> identity(const std::string& scope) const;
  /// Whether only version 1 has remembered it so far, which knew fewer names.
  Result<bool> is_older_identity(const std::string& scope) const;

  /// Values that are no part of an identity and may change: where images lie ("images"), how filtered samples
  /// count ("filter-as"), a judge's batches under way. Nothing where none was put.
  Result<std::optional<std::string>> value(const std::string& key) const;
  Result<void> put_value(const std::string& key, const std::string& value);
  /// All keys that start with `prefix`, with their values, sorted by key.
  Result<std::vector<std::pair<std::string, std::string>>> values(const std::string& prefix) const;
  Result<void> remove_value(const std::string& key);

  /// Begins to fill a store without samples, each of which will have so many answers. Nothing else may be
  /// called until the writer is gone. Errors: duplicate (samples are there).
  Result<SampleWriter> add_samples(std::int64_t answers_a_sample);
  /// Answers each sample is to have; 0 before samples were added.
  Result<std::int64_t> answers_a_sample() const;

  struct Counts {
    std::uint64_t samples = 0;
    std::uint64_t questions = 0;  ///< a question for each answer that a sample is to have
    std::uint64_t answered = 0;
    std::uint64_t filtered = 0;
    std::uint64_t empty = 0;
    std::uint64_t unanswered = 0;  ///< tried in vain
    [[nodiscard]] std::uint64_t open() const { return questions - answered - filtered - empty; }
  };
  Result<Counts> counts() const;

  /// The next rows whose answer is missing, never tried or tried in vain, after `key` in the order of the
  /// data; at most `most`.
  Result<std::vector<Row>> unanswered_after(AnswerKey key, std::size_t most) const;
  /// The same for the next cluster after `cluster` (-1: the first) that has some: all of its rows.
  Result<std::vector<Row>> unanswered_of_cluster_after(std::int64_t cluster) const;

  using Answers = std::vector<std::pair<AnswerKey, Answer>>;
  /// Keeps answers. A final one is never replaced.
  Result<void> write(const Answers& answers);

  /// All rows with the judgements of `judge` (empty: without). The store must not be written meanwhile.
  Result<RowCursor> rows(const std::string& judge) const;

  /// Judges with judgements, sorted by name.
  Result<std::vector<std::string>> judges() const;
  /// The next rows with an answer that `judge` has not judged, or left unjudged, after `key`.
  Result<std::vector<Row>> unjudged_after(const std::string& judge, AnswerKey key, std::size_t most) const;
  /// How many those are altogether.
  Result<std::uint64_t> unjudged_count(const std::string& judge) const;

  /// Takes away a judge's judgements and what it was made from.
  Result<void> forget_judge(const std::string& judge);

  using Judgements = std::vector<std::pair<AnswerKey, Judgement>>;
  /// Keeps judgements. One is never replaced, unless it is unjudged.
  Result<void> write(const std::string& judge, const Judgements& judgements);

 private:
  friend class AnswerReplacer;
  RunStore(std::filesystem::path folder, Database database)
      : folder_(std::move(folder)), database_(std::move(database)) {}
  static Result<RunStore> open_file(const std::filesystem::path& run, std::string_view file, Access access);
  Result<std::int64_t> checked_version(Access access);
  Result<void> prepare_tables(std::int64_t found, Access access);

  std::filesystem::path folder_;
  std::optional<FolderLock> lock_;  ///< let go after the database
  Database database_;
};

}  // namespace holisafe::store
