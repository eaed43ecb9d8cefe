#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/file.h"
#include "fuzz/changed_store.h"
#include "fuzz/input_folder.h"
#include "store/run_store.h"

// The input changes a sound store (fuzz/changed_store.h). Whatever it holds then, it is read to the end or
// refused.
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
  change_store(file, "DELETE FROM key_values WHERE key LIKE 'digest/%'",
               {reinterpret_cast<const char*>(data), size});
  const auto store = store::RunStore::open(folder.path(), store::Access::read);
  if (store) read_all(*store);
  return 0;
}
