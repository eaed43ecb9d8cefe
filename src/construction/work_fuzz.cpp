#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file.h"
#include "construction/files.h"
#include "construction/work.h"
#include "fuzz/changed_store.h"
#include "fuzz/input_folder.h"

// The input changes a build's sound database (fuzz/changed_store.h). Whatever it holds then, it is read to
// the end or refused.
namespace {

namespace fs = std::filesystem;
using namespace holisafe;

/// A build of two images with a pair, a reply and a decision.
std::string sound_build(const fs::path& folder) {
  auto work = construction::Work::open(folder, store::Access::write);
  if (!work) std::abort();
  std::vector<construction::ImageRow> images(2);
  for (std::size_t i = 0; i < images.size(); ++i) {
    images[i].id = static_cast<std::int64_t>(i);
    images[i].path = std::to_string(i);
    images[i].pdq = std::string(64, '0');
    images[i].cluster = 0;
    images[i].votes = {{"source", "safe"}};
  }
  construction::PairRow pair;
  pair.id = 0;
  pair.image_id = 0;
  pair.review = construction::Review{"edit", "a", "b", "c"};
  construction::KeptReply reply;
  reply.subject = 0;
  construction::Decision decision;
  decision.pair_id = 0;
  const bool good = work->keep(std::vector{reply}, std::vector{pair}, images) &&
                    work->decide(decision, {}, {}) && work->add_batch("a", {"b", {1}}) &&
                    work->put_prompt("c", "d") && work->write(std::vector{construction::Look{0, "e", "f"}});
  if (!good) std::abort();
  return (folder / construction::Work::file_name).string();
}

void read_all(const construction::Work& work) {
  const auto nothing = [](const auto&) { return Result<void>(); };
  static_cast<void>(work.for_each_image([](const construction::ImageRow& image) {
    static_cast<void>(construction::to_json(image).size());
    return Result<void>();
  }));
  if (const auto rows = work.pairs_with_images({})) {
    for (const auto& row : *rows) static_cast<void>(construction::to_json(row.pair, row.image).size());
  }
  static_cast<void>(work.replies_of_pair(0));
  static_cast<void>(work.decisions_of_pair(0));
  static_cast<void>(work.for_each_decision(nothing));
  static_cast<void>(work.for_each_decided_pair(nothing));
  static_cast<void>(work.for_each_prompt([](auto, auto) { return Result<void>(); }));
  static_cast<void>(work.for_each_look(nothing));
  static_cast<void>(work.open_batches("a"));
  static_cast<void>(work.equal_pixels());
  static_cast<void>(work.pair_types(0, 9));
  static_cast<void>(construction::summary(work));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const InputFolder folder("work_fuzz");
  static const std::string file = sound_build(folder.path());
  static const std::string sound = *read_file(file);
  folder.write("build.db", sound);
  change_store(file, "", {reinterpret_cast<const char*>(data), size});
  const auto work = construction::Work::open(folder.path(), store::Access::read);
  if (work) read_all(*work);
  return 0;
}
