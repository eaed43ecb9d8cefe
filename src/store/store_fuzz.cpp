#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <sqlite3.h>

#include "base/file.h"
#include "fuzz/input_folder.h"
#include "store/run_store.h"

// The input changes a sound store: a line `TABLE COLUMN VALUE` puts bytes into a column of every row (as a
// blob where VALUE begins with a space), a line `+TYPE NAME SQL` adds an entry to its schema. Whatever it
// holds then, it is read to the end or refused.
namespace {

namespace fs = std::filesystem;
using namespace holisafe;

/// A store of two rows without digests, as bytes.
std::string sound_store(const fs::path& run) {
  auto store = store::RunStore::open(run, store::Access::write);
  if (!store) std::abort();
  auto writer = store->add_samples(1);
  for (int i = 0; i < 2; ++i) {
    const std::string id = std::to_string(i);
    const store::Sample sample{.position = i,
                               .id = id,
                               .cluster = i,
                               .parts = {chat::Image{"a.png", nullptr}, "q"},
                               .query = "q",
                               .groups = {{"type", "SSU"}},
                               .target = "",
                               .label = 1,
                               .json = "{\"id\": " + id + "}"};
    if (!writer->add({&sample, 1})) std::abort();
  }
  if (!writer->commit()) std::abort();
  if (!store->write({{{0, 0}, {store::AnswerState::answered, "a", "stop", "", taxonomy::Verdict{}}}}) ||
      !store->write("j", {{{0, 0}, {"word", "", "", 0.5}}}))
    std::abort();
  return (run / store::RunStore::file_name).string();
}

void change(sqlite3* database, std::string_view line) {
  const auto first = line.find(' ');
  const auto second = line.find(' ', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) return;
  const std::string table(line.substr(0, first));
  const std::string column(line.substr(first + 1, second - first - 1));
  const std::string_view value = line.substr(second + 1);
  const bool entry = table.starts_with('+');
  const std::string sql = entry ? "INSERT INTO sqlite_schema VALUES (?, ?, ?, 0, ?)"
                                : "UPDATE " + table + " SET " + column + " = ?";
  if (table.find_first_not_of("+abcdefghijklmnopqrstuvwxyz_") != std::string::npos ||
      (!entry && column.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") != std::string::npos))
    return;
  sqlite3_stmt* statement = nullptr;
  if (::sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) return;
  const auto text = [&](int place, std::string_view bytes) {
    ::sqlite3_bind_text(statement, place, bytes.data(), static_cast<int>(bytes.size()), SQLITE_TRANSIENT);
  };
  if (entry) {
    text(1, std::string_view(table).substr(1));
    text(2, column);
    text(3, column);
    text(4, value);
  } else if (value.starts_with(' ')) {
    ::sqlite3_bind_blob(statement, 1, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT);
  } else {
    text(1, value);
  }
  ::sqlite3_step(statement);
  ::sqlite3_finalize(statement);
}

void read_all(const store::RunStore& store) {
  const auto judges = store.judges();
  static_cast<void>(store.identity("run"));
  static_cast<void>(store.values(""));
  static_cast<void>(store.counts());
  static_cast<void>(store.unanswered_after({}, 9));
  static_cast<void>(store.unjudged_after("j", {}, 9));
  for (const auto& judge : judges ? *judges : std::vector<std::string>{"j"}) {
    auto rows = store.rows(judge);
    store::Row row;
    for (auto found = rows ? rows->next(row) : Result<bool>(false); found && *found;
         found = rows->next(row)) {
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const InputFolder folder("store_fuzz");
  static const std::string file = sound_store(folder.path());
  static const std::string sound = *read_file(file);
  folder.write("run.db", sound);
  sqlite3* database = nullptr;
  ::sqlite3_open(file.c_str(), &database);
  ::sqlite3_exec(database, "PRAGMA synchronous = OFF; DELETE FROM key_values WHERE key LIKE 'digest/%'",
                 nullptr, nullptr, nullptr);
  ::sqlite3_exec(database, "PRAGMA writable_schema = ON", nullptr, nullptr, nullptr);
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    change(database, rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  ::sqlite3_close(database);
  const auto store = store::RunStore::open(folder.path(), store::Access::read);
  if (store) read_all(*store);
  return 0;
}
