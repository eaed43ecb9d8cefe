#include "verdicts/guard_store.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include <fmt/format.h>

#include "base/file.h"
#include "base/text.h"
#include "store/run_store.h"
#include "store/soundness.h"
#include "verdicts/guard_tables.h"

namespace holisafe::verdicts {
namespace {

constexpr const char* scope = "run";
constexpr const char* flagging_key = "flagging";
constexpr const char* facts_key = "judge";

/// All but the pooled vectors, gigabytes that few commands read: SQLite looks at their pages as it does.
constexpr std::array checked_tables{"identities", "key_values", "places", "contents", "files"};

Error damaged(const store::Database& database, const char* key, const char* expected) {
  return {ErrorKind::malformed, "damaged run store", fmt::format("{}: {}", database.where(), key),
          fmt::format("expected {}, found something else", expected)};
}

/// The JSON under a key; null where there is none.
Result<nlohmann::json> kept_json(const store::Database& database, const char* key, const char* expected) {
  HOLISAFE_TRY(const auto text, store::Remembered(database).value(key));
  if (!text) return nlohmann::json();
  if (nests_deeper(*text, 2)) return fail(damaged(database, key, expected));
  auto out = nlohmann::json::parse(*text, nullptr, false);
  if (out.is_discarded()) return fail(damaged(database, key, expected));
  return out;
}

bool is_threshold(const nlohmann::json& one) { return one.is_number() && one >= 0 && one <= 1; }

/// One for each class, or none.
bool are_thresholds(const nlohmann::json& list) {
  return list.is_array() && (list.empty() || list.size() == taxonomy::class_count) &&
         std::all_of(list.begin(), list.end(), is_threshold);
}

}  // namespace

Result<GuardStore> GuardStore::open(const std::filesystem::path& run, store::Access access) {
  const std::filesystem::path file = run / file_name;
  std::error_code code;
  const bool there = std::filesystem::exists(file, code);
  for (const auto other : {store::RunStore::file_name, store::RunStore::guard_answers_file}) {
    if (there || !std::filesystem::exists(run / other, code)) continue;
    return fail(ErrorKind::unexpected, "no guard run", (run / other).string(),
                "expected the folder of a guard run, found a benchmark's");
  }
  std::optional<store::FolderLock> lock;
  if (access == store::Access::write) {
    HOLISAFE_CHECK(make_folders(run));
    HOLISAFE_TRY(lock, store::FolderLock::take(run));
  }
  HOLISAFE_TRY(store::Database database, store::Database::open(file, access));
  GuardStore out(run, std::move(database));
  out.lock_ = std::move(lock);
  HOLISAFE_CHECK(out.prepare(access));
  return out;
}

Result<void> GuardStore::prepare(store::Access access) {
  HOLISAFE_CHECK(database_.run("BEGIN"));
  HOLISAFE_TRY(const std::int64_t found, store::version_of(database_, guard_version, access));
  HOLISAFE_CHECK(
      store::check_schema(database_, found == guard_version ? guard_tables() : std::string(), found));
  if (found == guard_version) HOLISAFE_CHECK(store::check_pages(database_, checked_tables));
  HOLISAFE_CHECK(database_.run("COMMIT"));
  if (access == store::Access::read) return {};
  HOLISAFE_CHECK(database_.prepare_for_writing());
  return found == 0 ? make_guard_tables(database_) : Result<void>();
}

Result<store::Identity> GuardStore::identity() const { return remembered().identity(scope); }

Result<void> GuardStore::require_same(const store::Identity& identity) const {
  return remembered().require_same(scope, identity);
}

Result<std::vector<std::string>> GuardStore::places(bool start) const {
  HOLISAFE_TRY(store::Statement statement,
               database_.prepare("SELECT path FROM places WHERE (number = 0) = ? ORDER BY path"));
  statement.bind(std::int64_t{start ? 1 : 0});
  std::vector<std::string> out;
  while (true) {
    HOLISAFE_TRY(const bool found, statement.step());
    if (!found) return out;
    std::string_view path;
    HOLISAFE_CHECK(store::Columns(statement, "places", std::nullopt).bytes("path", path));
    out.emplace_back(path);
  }
}

Result<std::vector<std::string>> GuardStore::trees() const { return places(false); }

Result<std::string> GuardStore::start() const {
  HOLISAFE_TRY(const auto found, places(true));
  return found.empty() ? std::string() : found.front();
}

Result<Flagging> GuardStore::flagging() const {
  constexpr const char* expected = "a number from 0 to 1, or one for each class";
  HOLISAFE_TRY(const nlohmann::json kept, kept_json(database_, flagging_key, expected));
  if (kept.is_null()) return Flagging(Flagging::usual_threshold);
  if (is_threshold(kept)) return Flagging(kept.get<double>());
  if (!are_thresholds(kept)) return fail(damaged(database_, flagging_key, expected));
  return Flagging::by_class(kept.get<std::vector<double>>(), database_.where());
}

Result<void> GuardStore::put_flagging(const Flagging& flagging) const {
  const auto json =
      flagging.is_by_class() ? nlohmann::json(flagging.thresholds()) : nlohmann::json(flagging.threshold());
  return remembered().put_value(flagging_key, json.dump());
}

Result<std::optional<JudgeFacts>> GuardStore::facts() const {
  constexpr const char* expected = "what tells guard and model";
  HOLISAFE_TRY(const nlohmann::json kept, kept_json(database_, facts_key, expected));
  std::optional<JudgeFacts> out;
  if (kept.is_null()) return out;
  JudgeFacts& facts = out.emplace();
  for (const auto& [name, text] : {std::pair<const char*, std::string&>{"base", facts.base},
                                   {"family", facts.family},
                                   {"model_type", facts.model_type},
                                   {"pooling", facts.pooling}}) {
    if (!kept.contains(name) || !kept[name].is_string()) return fail(damaged(database_, facts_key, expected));
    text = kept[name].get<std::string>();
  }
  const bool numbers = kept.contains("hidden_size") && kept["hidden_size"].is_number_unsigned() &&
                       kept["hidden_size"] < std::int64_t{1} << 31U && kept.contains("thresholds") &&
                       are_thresholds(kept["thresholds"]);
  if (!numbers) return fail(damaged(database_, facts_key, expected));
  facts.hidden_size = kept["hidden_size"].get<std::int64_t>();
  facts.thresholds = kept["thresholds"].get<std::vector<double>>();
  return out;
}

Result<void> GuardStore::put_facts(const JudgeFacts& facts) const {
  const nlohmann::ordered_json json{
      {"base", facts.base},       {"family", facts.family},           {"model_type", facts.model_type},
      {"pooling", facts.pooling}, {"hidden_size", facts.hidden_size}, {"thresholds", facts.thresholds}};
  return remembered().put_value(facts_key, json.dump());
}

Result<GuardCounts> GuardStore::counts() const {
  HOLISAFE_TRY(
      store::Statement statement,
      database_.prepare("SELECT (SELECT count(*) FROM files), "
                        "(SELECT count(*) FROM files WHERE gone = 1), "
                        "(SELECT count(*) FROM files WHERE pending = 1), "
                        "(SELECT count(*) FROM files WHERE content IS NOT NULL AND gone = 0), "
                        "(SELECT count(*) FROM (SELECT 1 FROM files WHERE content IS NOT NULL AND gone = 0 "
                        "GROUP BY content))"));
  HOLISAFE_CHECK(statement.step());
  const auto count = [&](int column) { return static_cast<std::uint64_t>(statement.integer(column)); };
  return GuardCounts{count(0), count(1), count(2), count(4), count(3) - count(4)};
}

Result<LineCursor> GuardStore::lines() const {
  HOLISAFE_TRY(store::Statement statement,
               database_.prepare(fmt::format(
                   "SELECT files.path, files.bytes, files.modified, files.gone, files.content, {}, {} "
                   "FROM files LEFT JOIN contents ON contents.number = files.content "
                   "WHERE files.pending = 0 ORDER BY files.path",
                   error_columns("files"), content_columns())));
  return LineCursor(std::move(statement));
}

Result<bool> LineCursor::next(Line& line) {
  HOLISAFE_TRY(const bool found, statement_.step());
  if (!found) return false;
  store::Columns columns(statement_, "files", std::nullopt);
  std::string_view path;
  HOLISAFE_CHECK(columns.bytes("path", path));
  line.path = path;
  std::optional<std::int64_t> bytes;
  std::optional<std::int64_t> modified;
  HOLISAFE_CHECK(columns.integer_or_null("bytes", 0, store::largest_integer, bytes));
  HOLISAFE_CHECK(
      columns.integer_or_null("modified", -store::largest_integer, store::largest_integer, modified));
  line.stamp.reset();
  if (bytes && modified) line.stamp = FileStamp{*bytes, *modified};
  std::int64_t gone = 0;
  HOLISAFE_CHECK(columns.integer("gone", 0, 1, gone));
  line.gone = gone == 1;
  std::optional<std::int64_t> content;
  HOLISAFE_CHECK(columns.integer_or_null("content", 1, store::largest_integer, content));
  line.content = content.value_or(-1);
  std::optional<Error> unread;
  HOLISAFE_CHECK(read_error(columns, unread));
  ContentRow row;
  HOLISAFE_CHECK(read_content(columns, row));
  if (content.has_value() == unread.has_value() || content.has_value() != row.sha256.has_value())
    return fail(columns.damaged("content", "one that was read, or an error"));
  line.sha256 = row.sha256;
  line.width = row.width;
  line.height = row.height;
  line.verdict = std::move(row.verdict);
  if (unread) line.verdict = fail(*std::move(unread));
  if (!line.verdict) line.verdict = fail(with_path(line.verdict.error(), line.path));
  return true;
}

Result<ContentCursor> GuardStore::contents() const {
  HOLISAFE_TRY(store::Statement statement,
               database_.prepare(fmt::format(
                   "SELECT contents.number, files.path, files.gone, "
                   "(SELECT count(*) FROM files WHERE content = contents.number), {} "
                   "FROM contents CROSS JOIN files ON files.path = (SELECT path FROM files "
                   "WHERE content = contents.number ORDER BY gone, path LIMIT 1) ORDER BY contents.sha256",
                   content_columns())));
  return ContentCursor(std::move(statement));
}

Result<bool> ContentCursor::next(Content& content) {
  HOLISAFE_TRY(const bool found, statement_.step());
  if (!found) return false;
  store::Columns columns(statement_, "contents", std::nullopt);
  HOLISAFE_CHECK(columns.integer("number", 1, store::largest_integer, content.number));
  std::string_view path;
  HOLISAFE_CHECK(columns.bytes("path", path));
  content.path = path;
  std::int64_t gone = 0;
  HOLISAFE_CHECK(columns.integer("gone", 0, 1, gone));
  content.gone = gone == 1;
  std::int64_t paths = 0;
  HOLISAFE_CHECK(columns.integer("count", 1, store::largest_integer, paths));
  content.paths = static_cast<std::uint64_t>(paths);
  ContentRow row;
  HOLISAFE_CHECK(read_content(columns, row));
  if (!row.sha256) return fail(columns.damaged("sha256", "a SHA-256"));
  content.sha256 = *row.sha256;
  content.width = row.width;
  content.height = row.height;
  content.verdict = std::move(row.verdict);
  if (!content.verdict) content.verdict = fail(with_path(content.verdict.error(), content.path));
  return true;
}

Result<PooledCursor> GuardStore::pooled() const {
  HOLISAFE_TRY(store::Statement statement,
               database_.prepare(fmt::format("SELECT {}, pooled.vector FROM contents LEFT JOIN pooled "
                                             "ON pooled.content = contents.number ORDER BY contents.number",
                                             content_columns())));
  return PooledCursor(std::move(statement));
}

Result<bool> PooledCursor::next(PooledContent& pooled) {
  HOLISAFE_TRY(const bool found, statement_.step());
  if (!found) return false;
  store::Columns columns(statement_, "contents", std::nullopt);
  HOLISAFE_CHECK(read_content(columns, pooled.row));
  if (!pooled.row.sha256) return fail(columns.damaged("sha256", "a SHA-256"));
  pooled.vector.clear();
  std::string_view bytes;
  const int last = statement_.columns() - 1;
  if (statement_.is_null(last)) return true;
  HOLISAFE_CHECK(columns.bytes("vector", bytes));
  if (bytes.empty() || bytes.size() % sizeof(float) != 0)
    return fail(columns.damaged("vector", "numbers in float32"));
  pooled.vector.resize(bytes.size() / sizeof(float));
  std::memcpy(pooled.vector.data(), bytes.data(), bytes.size());
  return true;
}

}  // namespace holisafe::verdicts
