#include "engine/file_verdicts.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace holisafe::engine {
namespace {

using Items = std::vector<ImageFeed::Item>;

/// The next pictures, in order: at most `most` of them.
Items next_items(ImageFeed& feed, std::size_t most) {
  Items items;
  while (items.size() < most) {
    auto item = feed.next();
    if (!item) break;
    items.push_back(*std::move(item));
  }
  return items;
}

void judge(const Engine& engine, const Items& items, const OnFileVerdict& on_verdict) {
  std::vector<models::ProcessedImage> images;
  for (const auto& item : items) {
    if (item.image) images.push_back(*item.image);
  }
  Result<std::vector<taxonomy::Verdict>> verdicts;
  if (!images.empty()) verdicts = engine.verdicts(images);
  std::size_t next = 0;
  for (const auto& item : items) {
    if (!item.image) {
      on_verdict(item.path, fail(item.image.error()));
    } else if (!verdicts) {
      Error error = verdicts.error();
      error.where = error.where.empty() ? item.path : item.path + ": " + error.where;
      on_verdict(item.path, fail(std::move(error)));
    } else {
      on_verdict(item.path, (*verdicts)[next++]);
    }
  }
}

}  // namespace

Result<void> verdicts_of_files(const Engine& engine, ImageFeed::Source source,
                               const FileVerdictOptions& options, const OnFileVerdict& on_verdict,
                               Progress* progress, const StopFlag& stop) {
  if (engine.guard() == nullptr)
    return fail(ErrorKind::missing, "no guard", "",
                "expected img_safety_head in the checkpoint or --guard FILE, found neither");
  std::uint64_t drawn = 0;               // by one thread at a time
  std::atomic<std::uint64_t> total = 0;  // once the source has ended
  const auto counted = [&]() -> std::optional<ImageFeed::Path> {
    auto path = source();
    if (path) {
      ++drawn;
    } else {
      total = drawn;
    }
    return path;
  };
  ImageFeed feed(engine, counted,
                 {options.decode, options.decode_threads, 2 * options.batch_size + 6, &stop});
  std::uint64_t done = 0;
  const auto known_total = [&]() -> std::uint64_t {
    if (total > 0 || options.total == nullptr) return total;
    const std::uint64_t told = *options.total;
    return told == 0 ? 0 : std::max(told, done);
  };
  for (Items items = next_items(feed, options.batch_size); !items.empty();
       items = next_items(feed, options.batch_size)) {
    judge(engine, items, on_verdict);
    done += items.size();
    if (progress != nullptr) progress->update(done, known_total(), "");
  }
  return {};
}

}  // namespace holisafe::engine
