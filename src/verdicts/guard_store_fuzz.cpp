#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/file.h"
#include "fuzz/changed_store.h"
#include "fuzz/input_folder.h"
#include "verdicts/guard_store.h"
#include "verdicts/guard_writer.h"
#include "verdicts/verdict_line.h"

// The input changes a guard run's sound store (fuzz/changed_store.h). Whatever it holds then, it is read to
// the end or refused.
namespace {

namespace fs = std::filesystem;
using namespace holisafe;

/// A store of three paths and two contents.
std::string sound_store(const fs::path& run) {
  const auto store = verdicts::GuardStore::open(run, store::Access::write);
  if (!store) std::abort();
  auto writer = verdicts::GuardWriter::begin(*store);
  const verdicts::FileStamp stamp{1, 2};
  bool good = writer->begin_listing("/", {"a"}).has_value();
  for (const char* path : {"a/1", "a/2", "a/3"}) good = good && writer->list(path, stamp);
  good = good && writer->end_listing([](const std::string&) { return false; });
  const std::vector<float> pooled{1, 2};
  const auto one = writer->add({sha256("1"), 1, 1, taxonomy::Verdict{}}, pooled);
  const auto two = writer->add({sha256("2"), 0, 0, fail(ErrorKind::malformed, "no", "", "picture")}, {});
  good = good && writer->read("a/1", stamp, *one) && writer->read("a/2", stamp, *two) &&
         writer->failed("a/3", stamp, {ErrorKind::io, "a", "b", "c"}) && writer->commit() &&
         store->put_flagging(verdicts::Flagging(0.5)) &&
         store->put_facts({"b", "f", "t", "projector", 2, {}});
  if (!good) std::abort();
  return (run / verdicts::GuardStore::file_name).string();
}

template <class Cursor, class Item>
void read_to_the_end(Result<Cursor> cursor, Item item) {
  for (auto found = cursor ? cursor->next(item) : Result<bool>(false); found && *found;
       found = cursor->next(item)) {
  }
}

void read_all(const verdicts::GuardStore& store) {
  static_cast<void>(store.identity());
  static_cast<void>(store.trees());
  static_cast<void>(store.start());
  static_cast<void>(store.flagging());
  static_cast<void>(store.facts());
  static_cast<void>(store.counts());
  read_to_the_end(store.lines(), verdicts::Line());
  read_to_the_end(store.contents(), verdicts::Content());
  read_to_the_end(store.pooled(), verdicts::PooledContent());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const InputFolder folder("guard_store_fuzz");
  static const std::string file = sound_store(folder.path());
  static const std::string sound = *read_file(file);
  folder.write("guard.db", sound);
  change_store(file, "", {reinterpret_cast<const char*>(data), size});
  const auto store = verdicts::GuardStore::open(folder.path(), store::Access::read);
  if (store) read_all(*store);
  return 0;
}
