#include <filesystem>
#include <memory>
#include <span>
#include <thread>

#include <fmt/format.h>

#include "base/ahead.h"
#include "construction/source_picture.h"
#include "construction/split.h"
#include "image/image.h"
#include "image/near_duplicates.h"
#include "image/sketch_file.h"

namespace holisafe::construction {
namespace {

/// A picture that is on a side.
struct SidePicture {
  std::int64_t id = -1;
  Side side = Side::none;
};

Result<image::DescribedPicture> describe_file(const ImageRow& image) {
  std::string bytes;
  HOLISAFE_CHECK(read_source_picture(image, bytes));
  const auto picture = image::decode(std::as_bytes(std::span(bytes)), {});
  if (!picture) return fail(in_picture(picture.error(), image));
  auto described = image::describe(*picture);
  if (!described) return fail(in_picture(described.error(), image));
  return described;
}

/// Decodes on threads, a bounded number of pictures ahead.
class Describing {
 public:
  Describing(const Work& work, std::uint64_t total, Progress* progress, const StopFlag& stop)
      : work_(work),
        total_(total),
        progress_(progress),
        stop_(stop),
        ahead_([](const ImageRow& image) { return describe_file(image); },
               static_cast<int>(std::thread::hardware_concurrency())) {}

  Result<void> run() {
    HOLISAFE_TRY(sketches, image::SketchFile::open(std::filesystem::temp_directory_path()));
    ImageFilter kept;
    kept.state = ImageState::kept;
    HOLISAFE_CHECK(work_.for_each_image(kept, [&](const ImageRow& image) -> Result<void> {
      if (image.side == Side::none) return {};
      pictures.push_back({image.id, image.side});
      ahead_.push(image);
      return ahead_.waiting() < most_waiting ? Result<void>() : take();
    }));
    while (ahead_.waiting() > 0) HOLISAFE_CHECK(take());
    return {};
  }

  std::vector<SidePicture> pictures;
  image::LowFrequencyTable table;
  std::unique_ptr<image::SketchFile> sketches;

 private:
  static constexpr std::size_t most_waiting = 64;

  Result<void> take() {
    const auto described = ahead_.next(&stop_);
    if (!described) return fail(ErrorKind::interrupted, "stopped", work_.folder().string());
    if (!*described) return fail(described->error());
    table.add((*described)->frequencies);
    if (progress_ != nullptr) progress_->update(++done_, total_, "");
    return sketches->add((*described)->sketch);
  }

  const Work& work_;
  std::uint64_t total_;
  Progress* progress_;
  const StopFlag& stop_;
  std::uint64_t done_ = 0;
  Ahead<ImageRow, Result<image::DescribedPicture>> ahead_;
};

Result<std::string> name_of(const Work& work, std::int64_t id) {
  HOLISAFE_TRY(const std::optional<ImageRow> image, work.image(id));
  if (!image)
    return fail(ErrorKind::internal, "an image is gone", work.folder().string(), fmt::format("image {}", id));
  return fmt::format("{}: {}", image->source, image->path);
}

/// The first picture of each side in a cluster that is on both.
Result<void> add_leak(const Work& work, const image::PictureCluster& cluster,
                      const std::vector<SidePicture>& pictures, std::vector<Leak>& out) {
  std::int64_t train = -1;
  std::int64_t bench = -1;
  for (const std::uint32_t number : cluster) {
    std::int64_t& first = pictures[number].side == Side::bench ? bench : train;
    if (first < 0) first = pictures[number].id;
  }
  if (train < 0 || bench < 0) return {};
  HOLISAFE_TRY(std::string of_train, name_of(work, train));
  HOLISAFE_TRY(std::string of_bench, name_of(work, bench));
  out.push_back({std::move(of_train), std::move(of_bench)});
  return {};
}

}  // namespace

Result<std::vector<Leak>> verify_split(const Work& work, Progress* progress, const StopFlag& stop) {
  HOLISAFE_TRY(const std::int64_t images, work.image_count());
  Describing describing(work, static_cast<std::uint64_t>(images), progress, stop);
  HOLISAFE_CHECK(describing.run());
  if (describing.pictures.empty()) {
    return fail(ErrorKind::missing, "no split", work.folder().string(),
                "expected sides from `holisafe data split`, found none");
  }
  const auto sketch_of = [&](std::size_t number) { return describing.sketches->at(number); };
  image::NearDuplicateOptions options;
  options.stop = &stop;
  HOLISAFE_TRY(const auto clusters, image::find_near_duplicates(describing.table, sketch_of, options));
  std::vector<Leak> out;
  for (const image::PictureCluster& cluster : clusters)
    HOLISAFE_CHECK(add_leak(work, cluster, describing.pictures, out));
  return out;
}

}  // namespace holisafe::construction
