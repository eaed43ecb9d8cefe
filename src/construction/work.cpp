#include "construction/work.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/file.h"
#include "base/text.h"
#include "construction/work_tables.h"
#include "store/columns.h"
#include "store/run_store.h"
#include "store/soundness.h"

namespace holisafe::construction {
namespace {

constexpr std::array<std::string_view, 4> counted_steps{"label", "write", "check", "answer"};

/// Names of the totals, and where they stand in Faults.
constexpr std::array<std::pair<std::string_view, std::uint64_t Faults::*>, 5> fault_names{
    {{"fault/turned_away", &Faults::turned_away},
     {"fault/server", &Faults::server},
     {"fault/timeouts", &Faults::timeouts},
     {"fault/network", &Faults::network},
     {"fault/malformed", &Faults::malformed}}};

Result<std::optional<std::int64_t>> total(const store::Database& database, std::string_view name) {
  HOLISAFE_TRY(store::Statement statement, database.prepare("SELECT count FROM totals WHERE name = ?"));
  HOLISAFE_TRY(const bool found, statement.bind(name).step());
  if (!found) return std::optional<std::int64_t>();
  std::int64_t out = 0;
  HOLISAFE_CHECK(
      store::Columns(statement, "totals", std::nullopt).integer("count", 0, store::largest_integer, out));
  return std::optional(out);
}

Result<std::uint64_t> total_or_zero(const store::Database& database, std::string_view name) {
  HOLISAFE_TRY(const auto found, total(database, name));
  return static_cast<std::uint64_t>(found.value_or(0));
}

Result<void> add_to_total(const store::Database& database, std::string_view name, std::uint64_t count) {
  if (count == 0) return {};
  HOLISAFE_TRY(store::Statement statement,
               database.prepare("INSERT INTO totals (name, count) VALUES (?, ?) "
                                "ON CONFLICT (name) DO UPDATE SET count = count + excluded.count"));
  return statement.bind(name).bind(static_cast<std::int64_t>(count)).run();
}

/// What a kept reply counts as in the summary.
std::string_view counted_as(Step step) { return step == Step::text_check ? name(Step::check) : name(step); }

}  // namespace

Result<Work> Work::open(const std::filesystem::path& folder, store::Access access) {
  const std::filesystem::path file = folder / file_name;
  std::error_code code;
  const bool there = std::filesystem::exists(file, code);
  for (const auto other :
       {store::RunStore::file_name, store::RunStore::guard_run_file, store::RunStore::guard_answers_file}) {
    if (there || !std::filesystem::exists(folder / other, code)) continue;
    return fail(ErrorKind::unexpected, "no build", (folder / other).string(),
                "expected the folder of a `data build`, found a run's");
  }
  if (!there && access == store::Access::read)
    return fail(ErrorKind::not_found, "no build", file.string(),
                "expected the folder of a `data build`, found none");
  std::optional<store::FolderLock> lock;
  if (access == store::Access::write) {
    HOLISAFE_CHECK(make_folders(folder));
    HOLISAFE_TRY(lock, store::FolderLock::take(folder));
  }
  HOLISAFE_TRY(store::Database database, store::Database::open(file, access));
  Work out(folder, std::move(database));
  out.lock_ = std::move(lock);
  HOLISAFE_CHECK(out.prepare(access));
  return out;
}

Result<Work> Work::in_memory() {
  HOLISAFE_TRY(store::Database database, store::Database::in_memory());
  HOLISAFE_CHECK(make_build_tables(database));
  return Work({}, std::move(database));
}

Result<Work> Work::temporary() {
  HOLISAFE_TRY(store::Database database, store::Database::temporary());
  HOLISAFE_CHECK(make_build_tables(database));
  return Work({}, std::move(database));
}

Result<void> Work::prepare(store::Access access) {
  HOLISAFE_CHECK(database_.run("BEGIN"));
  HOLISAFE_TRY(const std::int64_t found, store::version_of(database_, build_version, access));
  HOLISAFE_CHECK(
      store::check_schema(database_, found == build_version ? build_tables() : std::string(), found));
  if (found == build_version) HOLISAFE_CHECK(store::check_pages(database_, checked_build_tables));
  HOLISAFE_CHECK(database_.run("COMMIT"));
  if (access == store::Access::read) return {};
  HOLISAFE_CHECK(database_.prepare_for_writing());
  return found == 0 ? make_build_tables(database_) : Result<void>();
}

Result<void> Work::check_same(const std::string& scope, const store::Identity& identity) const {
  const store::Remembered remembered(database_);
  HOLISAFE_TRY(const store::Identity known, remembered.identity(scope));
  store::Identity asked;  // of what is known: others' names may stand under the same scope
  for (const auto& each : known) {
    const bool named = std::any_of(identity.begin(), identity.end(),
                                   [&](const auto& other) { return other.first == each.first; });
    if (named) asked.push_back(each);
  }
  return remembered.check_same(asked, identity, true);
}

Result<void> Work::require_same(const std::string& scope, const store::Identity& identity) {
  HOLISAFE_CHECK(check_same(scope, identity));
  const store::Remembered remembered(database_);
  HOLISAFE_TRY(const store::Identity known, remembered.identity(scope));
  return together([&] { return remembered.add(scope, known, identity); });
}

Result<std::optional<std::string>> Work::value(const std::string& key) const {
  return store::Remembered(database_).value(key);
}

Result<void> Work::put_value(const std::string& key, const std::string& value) {
  return store::Remembered(database_).put_value(key, value);
}

Result<void> Work::remove_value(const std::string& key) {
  return store::Remembered(database_).remove_value(key);
}

Result<void> Work::together(const std::function<Result<void>()>& write) {
  if (writing_together_) return write();
  HOLISAFE_TRY(store::Transaction transaction, store::Transaction::begin(database_));
  writing_together_ = true;
  const auto done = write();
  writing_together_ = false;
  return done ? transaction.commit() : done;
}

// Replies.

Result<void> Work::write_replies(std::span<const KeptReply> replies) {
  HOLISAFE_TRY(store::Statement next, database_.prepare("SELECT coalesce(max(number) + 1, 0) FROM replies "
                                                        "WHERE of_image = ? AND subject = ?"));
  HOLISAFE_TRY(
      store::Statement insert,
      database_.prepare(fmt::format("INSERT INTO replies (subject, step, number, asked, kind, object, text, "
                                    "reason, prompt_sha256, input_tokens, output_tokens, of_image) "
                                    "VALUES ({}, ?)",
                                    places_for(reply_columns))));
  for (const KeptReply& reply : replies) {
    const std::int64_t of_image = reply.step == Step::label ? 1 : 0;
    HOLISAFE_CHECK(next.bind(of_image).bind(reply.subject).step());
    KeptReply numbered = reply;
    numbered.number = next.integer(0);
    HOLISAFE_CHECK(next.run());  // to its end, so that it can be bound again
    bind_reply(insert, numbered);
    HOLISAFE_CHECK(insert.bind(of_image).run());
    HOLISAFE_CHECK(add_to_total(database_, fmt::format("calls/{}", counted_as(reply.step)), 1));
    HOLISAFE_CHECK(add_to_total(database_, "tokens/input", reply.input_tokens));
    HOLISAFE_CHECK(add_to_total(database_, "tokens/output", reply.output_tokens));
  }
  return {};
}

Result<void> Work::keep(std::span<const KeptReply> replies, std::span<const PairRow> pairs,
                        std::span<const ImageRow> images) {
  return together([&]() -> Result<void> {
    HOLISAFE_CHECK(write_replies(replies));
    HOLISAFE_CHECK(write(pairs));
    return write(images);
  });
}

Result<std::vector<KeptReply>> Work::replies(bool of_image, std::int64_t subject) const {
  HOLISAFE_TRY(store::Statement statement,
               database_.prepare(fmt::format("SELECT {} FROM replies WHERE of_image = ? AND subject = ? "
                                             "ORDER BY number",
                                             reply_columns)));
  statement.bind(std::int64_t{of_image ? 1 : 0}).bind(subject);
  return rows_of<KeptReply>(statement, read_reply);
}

Result<std::vector<KeptReply>> Work::replies_of_pair(std::int64_t pair) const { return replies(false, pair); }

Result<std::vector<KeptReply>> Work::replies_of_image(std::int64_t image) const {
  return replies(true, image);
}

Result<std::vector<std::pair<std::string, std::uint64_t>>> Work::declines() const {
  HOLISAFE_TRY(store::Statement statement,
               database_.prepare("SELECT asked, count(DISTINCT subject) FROM replies "
                                 "WHERE of_image = 0 AND kind = 'declined' GROUP BY asked ORDER BY asked"));
  std::vector<std::pair<std::string, std::uint64_t>> out;
  while (true) {
    HOLISAFE_TRY(const bool found, statement.step());
    if (!found) return out;
    auto& [asker, pairs] = out.emplace_back();
    HOLISAFE_CHECK(store::Columns(statement, "replies", std::nullopt).text("asked", asker));
    pairs = static_cast<std::uint64_t>(statement.integer(1));
  }
}

Result<void> Work::put_prompt(std::string_view sha256, std::string_view text) {
  HOLISAFE_TRY(store::Statement statement,
               database_.prepare("INSERT INTO prompts (sha256, text) VALUES (?, ?) ON CONFLICT DO NOTHING"));
  return statement.bind(sha256).bind(as_utf8(text)).run();
}

Result<void> Work::for_each_prompt(
    const std::function<Result<void>(std::string_view sha256, std::string_view text)>& visit) const {
  HOLISAFE_TRY(store::Statement statement,
               database_.prepare("SELECT sha256, text FROM prompts ORDER BY sha256"));
  while (true) {
    HOLISAFE_TRY(const bool found, statement.step());
    if (!found) return {};
    store::Columns columns(statement, "prompts", std::nullopt);
    std::string_view sum;
    std::string_view text;
    HOLISAFE_CHECK(columns.text("sha256", sum));
    HOLISAFE_CHECK(columns.text("text", text));
    HOLISAFE_CHECK(visit(sum, text));
  }
}

// Totals.

Result<void> Work::add_faults(const Faults& faults) {
  return together([&]() -> Result<void> {
    for (const auto& [key, count] : fault_names) HOLISAFE_CHECK(add_to_total(database_, key, faults.*count));
    return {};
  });
}

Result<Totals> Work::totals() const {
  Totals out;
  for (const std::string_view step : counted_steps) {
    HOLISAFE_TRY(const std::uint64_t count, total_or_zero(database_, fmt::format("calls/{}", step)));
    out.calls.emplace_back(step, count);
  }
  HOLISAFE_TRY(out.input_tokens, total_or_zero(database_, "tokens/input"));
  HOLISAFE_TRY(out.output_tokens, total_or_zero(database_, "tokens/output"));
  for (const auto& [key, count] : fault_names) {
    HOLISAFE_TRY(out.faults.*count, total_or_zero(database_, key));
  }
  return out;
}

// Batches.

Result<std::vector<ask::OpenBatch>> Work::open_batches(const std::string& asker) const {
  HOLISAFE_TRY(store::Statement statement,
               database_.prepare("SELECT id, keys FROM batches WHERE asker = ? ORDER BY id"));
  statement.bind(asker);
  std::vector<ask::OpenBatch> out;
  while (true) {
    HOLISAFE_TRY(const bool found, statement.step());
    if (!found) return out;
    store::Columns columns(statement, "batches", std::nullopt);
    ask::OpenBatch& batch = out.emplace_back();
    HOLISAFE_CHECK(columns.text("id", batch.id));
    nlohmann::json keys;
    HOLISAFE_CHECK(columns.json_or_null("keys", 1, keys));
    const bool numbers = keys.is_array() && std::all_of(keys.begin(), keys.end(), [](const auto& each) {
                           return each.is_number_integer();
                         });
    if (!numbers) return fail(columns.damaged("keys", "a list of keys"));
    batch.keys = keys.get<std::vector<chat::Key>>();
  }
}

Result<void> Work::add_batch(const std::string& asker, const ask::OpenBatch& batch) {
  HOLISAFE_TRY(store::Statement statement,
               database_.prepare("INSERT INTO batches (asker, id, keys) VALUES (?, ?, ?) "
                                 "ON CONFLICT (asker, id) DO UPDATE SET keys = excluded.keys"));
  return statement.bind(asker).bind(batch.id).bind(nlohmann::json(batch.keys).dump()).run();
}

Result<void> Work::forget_batch(const std::string& asker, const std::string& id) {
  HOLISAFE_TRY(store::Statement statement,
               database_.prepare("DELETE FROM batches WHERE asker = ? AND id = ?"));
  return statement.bind(asker).bind(id).run();
}

// Decisions.

Result<void> Work::decide(const Decision& decision, std::span<const PairRow> pairs,
                          std::span<const ImageRow> images) {
  return together([&]() -> Result<void> {
    HOLISAFE_TRY(store::Statement next,
                 database_.prepare("SELECT coalesce(max(number) + 1, 0) FROM decisions"));
    HOLISAFE_CHECK(next.step());
    Decision numbered = decision;
    numbered.number = next.integer(0);
    HOLISAFE_TRY(store::Statement insert,
                 database_.prepare(fmt::format(
                     "INSERT INTO decisions (number, pair, image, decision, instruction, response, label, "
                     "reviewer, note) VALUES ({})",
                     places_for(decision_columns))));
    bind_decision(insert, numbered);
    HOLISAFE_CHECK(insert.run());
    HOLISAFE_CHECK(write(pairs));
    return write(images);
  });
}

Result<std::vector<Decision>> Work::decisions_of_pair(std::int64_t pair) const {
  HOLISAFE_TRY(store::Statement statement,
               database_.prepare(
                   fmt::format("SELECT {} FROM decisions WHERE pair = ? ORDER BY number", decision_columns)));
  statement.bind(pair);
  return rows_of<Decision>(statement, read_decision);
}

Result<void> Work::for_each_decision(const std::function<Result<void>(const Decision&)>& visit) const {
  HOLISAFE_TRY(store::Statement statement,
               database_.prepare(fmt::format("SELECT {} FROM decisions ORDER BY number", decision_columns)));
  while (true) {
    HOLISAFE_TRY(const bool found, statement.step());
    if (!found) return {};
    Decision decision;
    HOLISAFE_CHECK(read_decision(statement, decision));
    HOLISAFE_CHECK(visit(decision));
  }
}

Result<void> Work::for_each_decided_pair(
    const std::function<Result<void>(std::span<const Decision>)>& visit) const {
  HOLISAFE_TRY(
      store::Statement statement,
      database_.prepare(fmt::format("SELECT {} FROM decisions WHERE pair IS NOT NULL ORDER BY pair, number",
                                    decision_columns)));
  std::vector<Decision> of_pair;
  while (true) {
    HOLISAFE_TRY(const bool found, statement.step());
    if (!found) return of_pair.empty() ? Result<void>() : visit(of_pair);
    Decision decision;
    HOLISAFE_CHECK(read_decision(statement, decision));
    if (!of_pair.empty() && of_pair.front().pair_id != decision.pair_id) {
      HOLISAFE_CHECK(visit(of_pair));
      of_pair.clear();
    }
    of_pair.push_back(std::move(decision));
  }
}

}  // namespace holisafe::construction
