#include "construction/duplicates.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <mutex>
#include <type_traits>

#include <fmt/format.h>

#include "image/near_duplicates.h"

namespace holisafe::construction {
namespace {

constexpr std::size_t images_a_page = 256;

/// A picture without those that have its pixels.
struct DistinctPicture {
  std::int64_t id = -1;
  std::uint64_t pixels = 0;
  std::uint32_t labels = 0;   ///< a bit for each class that the sources give it or a copy
  std::uint32_t cluster = 0;  ///< number of the first picture of its cluster
  std::uint32_t next = 0;     ///< of the cluster, by number; 0 after the last
  bool settled = false;       ///< has pairs, or was labelled by others than its source
  bool quarantined = false;
  bool stays = true;
};

std::uint32_t source_labels(const ImageRow& image) {
  std::uint32_t out = 0;
  for (const Vote& vote : image.votes) {
    const auto label = vote.by == source_vote ? taxonomy::parse_class(vote.label) : std::nullopt;
    if (label) out |= 1U << *label;
  }
  return out;
}

bool others_spoke(const ImageRow& image) {
  return image.state == ImageState::quarantined ||
         std::any_of(image.votes.begin(), image.votes.end(),
                     [](const Vote& vote) { return vote.by != source_vote; });
}

std::optional<std::size_t> only_label(std::uint32_t labels) {
  if (!std::has_single_bit(labels)) return std::nullopt;
  return static_cast<std::size_t>(std::countr_zero(labels));
}

std::string label_names(std::uint32_t labels) {
  std::string out;
  for (std::size_t i = 0; i < taxonomy::class_count; ++i) {
    if ((labels >> i & 1U) != 0)
      out += fmt::format("{}{}", out.empty() ? "" : ", ", taxonomy::classes()[i].name);
  }
  return out;
}

template <class Value>
Result<Value> value_of(const std::string& bytes, std::int64_t image) {
  static_assert(std::is_trivially_copyable_v<Value>);
  Value out;
  if (bytes.size() != sizeof(out)) {
    return fail(ErrorKind::malformed, "damaged run store", fmt::format("{}: looks", Work::file_name),
                fmt::format("expected {} bytes of image {}, found {}", sizeof(out), image, bytes.size()));
  }
  std::memcpy(&out, bytes.data(), sizeof(out));
  return out;
}

class CopySettling {
 public:
  CopySettling(Work& work, const CopySettings& settings) : work_(work), settings_(settings) {}

  Result<void> run() {
    HOLISAFE_TRY(copies_, work_.equal_pixels());
    HOLISAFE_CHECK(gather());
    HOLISAFE_CHECK(find_clusters());
    for (std::uint32_t i = 0; i < pictures_.size(); ++i) {
      if (pictures_[i].cluster == i) settle_cluster(i);
    }
    return write();
  }

 private:
  /// The picture whose pixels an image has, if it is not the first with them.
  [[nodiscard]] std::optional<std::int64_t> original_of(std::int64_t id) const {
    const auto place = std::lower_bound(copies_.begin(), copies_.end(), std::pair(id, std::int64_t{0}));
    if (place == copies_.end() || place->first != id) return std::nullopt;
    return place->second;
  }
  /// Nothing of an image that is none of them.
  [[nodiscard]] std::optional<std::uint32_t> number_of_picture(std::int64_t id) const {
    const auto place =
        std::lower_bound(pictures_.begin(), pictures_.end(), id,
                         [](const DistinctPicture& each, std::int64_t wanted) { return each.id < wanted; });
    if (place == pictures_.end() || place->id != id) return std::nullopt;
    return static_cast<std::uint32_t>(place - pictures_.begin());
  }

  Result<void> for_each_page(const std::function<Result<void>(std::vector<ImageRow>&)>& visit);
  Result<void> gather();
  Result<void> find_clusters();
  void settle_cluster(std::uint32_t first);
  Result<void> write();
  Result<ImageRow> settled(const ImageRow& image);
  void settle_kept(ImageRow& row, const DistinctPicture& picture) const;

  Work& work_;
  const CopySettings& settings_;
  std::vector<std::pair<std::int64_t, std::int64_t>> copies_;  ///< and the first with the same pixels
  std::vector<DistinctPicture> pictures_;                      ///< by id
};

/// Images that have a hash, a page at a time.
Result<void> CopySettling::for_each_page(const std::function<Result<void>(std::vector<ImageRow>&)>& visit) {
  std::vector<ImageRow> page;
  HOLISAFE_CHECK(work_.for_each_image([&](const ImageRow& image) -> Result<void> {
    if (image.pdq.empty()) return {};
    page.push_back(image);
    if (page.size() < images_a_page) return {};
    auto done = visit(page);
    page.clear();
    return done;
  }));
  return page.empty() ? Result<void>() : visit(page);
}

Result<void> CopySettling::gather() {
  HOLISAFE_TRY(const std::int64_t images, work_.image_count());
  pictures_.reserve(static_cast<std::size_t>(images));
  return for_each_page([&](std::vector<ImageRow>& page) -> Result<void> {
    HOLISAFE_TRY(const auto pairs, work_.pair_types(page.front().id, page.back().id));
    for (const ImageRow& image : page) {
      const auto original = original_of(image.id);
      const auto number = original ? number_of_picture(*original) : std::nullopt;
      if (number) {
        pictures_[*number].labels |= source_labels(image);
        continue;
      }
      DistinctPicture& picture = pictures_.emplace_back();
      picture.id = image.id;
      picture.pixels = static_cast<std::uint64_t>(image.width) * static_cast<std::uint64_t>(image.height);
      picture.labels = source_labels(image);
      picture.settled = pairs.contains(image.id) || others_spoke(image);
      picture.quarantined = image.state == ImageState::quarantined;
    }
    return {};
  });
}

Result<void> CopySettling::find_clusters() {
  image::LowFrequencyTable table;
  HOLISAFE_CHECK(work_.for_each_look([&](const Look& look) -> Result<void> {
    if (original_of(look.image_id)) return {};
    HOLISAFE_TRY(const auto frequencies, value_of<image::LowFrequencies>(look.frequencies, look.image_id));
    table.add(frequencies);
    return {};
  }));
  if (table.size() != pictures_.size()) {
    return fail(ErrorKind::malformed, "damaged run store", fmt::format("{}: looks", Work::file_name),
                fmt::format("expected {} pictures, found {}", pictures_.size(), table.size()));
  }
  std::mutex one_at_a_time;  // the database is one thread's at a time
  const image::SketchSource sketch_of = [&](std::size_t number) -> Result<image::PixelSketch> {
    const std::lock_guard lock(one_at_a_time);
    HOLISAFE_TRY(const auto look, work_.look(pictures_[number].id));
    return value_of<image::PixelSketch>(look ? look->sketch : "", pictures_[number].id);
  };
  image::NearDuplicateOptions options;
  options.stop = settings_.stop;
  options.progress = settings_.progress;
  HOLISAFE_TRY(const auto clusters, image::find_near_duplicates(table, sketch_of, options));
  for (std::uint32_t i = 0; i < pictures_.size(); ++i) pictures_[i].cluster = i;
  for (const image::PictureCluster& cluster : clusters) {
    for (std::size_t i = 0; i < cluster.size(); ++i) {
      pictures_[cluster[i]].cluster = cluster.front();
      pictures_[cluster[i]].next = i + 1 < cluster.size() ? cluster[i + 1] : 0;
    }
  }
  return {};
}

/// Who stays of a cluster, and what its pictures are labelled together, which all of them then have.
void CopySettling::settle_cluster(std::uint32_t first) {
  std::vector<std::uint32_t> cluster{first};
  while (pictures_[cluster.back()].next != 0) cluster.push_back(pictures_[cluster.back()].next);
  std::uint32_t labels = 0;
  std::uint32_t largest = first;
  bool quarantined = false;
  bool settled = false;
  for (const std::uint32_t number : cluster) {
    const DistinctPicture& picture = pictures_[number];
    labels |= picture.labels;
    quarantined = quarantined || picture.quarantined;
    settled = settled || picture.settled;
    if (picture.pixels > pictures_[largest].pixels) largest = number;
  }
  for (const std::uint32_t number : cluster) {
    DistinctPicture& picture = pictures_[number];
    picture.labels = labels;
    if (!settings_.drop_near_duplicates) {
      picture.quarantined = quarantined;
    } else if (quarantined) {
      picture.stays = picture.quarantined;
    } else {
      picture.stays = settled ? picture.settled : number == largest;
    }
  }
}

Result<void> CopySettling::write() {
  return work_.together([&] {
    return for_each_page([&](std::vector<ImageRow>& page) -> Result<void> {
      std::vector<ImageRow> changed;
      for (const ImageRow& image : page) {
        HOLISAFE_TRY(ImageRow now, settled(image));
        const bool same = now.state == image.state && now.cluster == image.cluster &&
                          now.label == image.label && now.duplicate_of == image.duplicate_of &&
                          now.reason == image.reason;
        if (!same) changed.push_back(std::move(now));
      }
      return work_.write(changed);
    });
  });
}

Result<ImageRow> CopySettling::settled(const ImageRow& image) {
  ImageRow out = image;
  const auto original = original_of(image.id);
  const std::int64_t of = original.value_or(image.id);
  const auto number = number_of_picture(of);
  if (!number) {
    return fail(ErrorKind::malformed, "damaged run store", fmt::format("{}: images", Work::file_name),
                fmt::format("expected image {} to have a hash", of));
  }
  const DistinctPicture& picture = pictures_[*number];
  out.cluster = pictures_[picture.cluster].id;
  if (!original && picture.stays) {
    out.duplicate_of = -1;
    settle_kept(out, picture);
    return out;
  }
  out.label = only_label(source_labels(image));
  out.duplicate_of = of;
  if (original) {
    HOLISAFE_TRY(const auto first, work_.image(of));
    out.state = ImageState::duplicate;
    out.reason = first && first->sha256 == image.sha256 ? "equal bytes" : "equal pixels";
    return out;
  }
  std::uint32_t stays = picture.cluster;
  while (!pictures_[stays].stays && pictures_[stays].next != 0) stays = pictures_[stays].next;
  out.duplicate_of = pictures_[stays].id;
  out.state = ImageState::near_duplicate;
  out.reason = "near-duplicate";
  return out;
}

void CopySettling::settle_kept(ImageRow& row, const DistinctPicture& picture) const {
  if (row.state == ImageState::quarantined) return;
  if (picture.settled && !picture.quarantined) return;
  row.label = only_label(picture.labels);
  row.reason.clear();
  if (picture.quarantined) {
    row.state = ImageState::quarantined;
    row.reason = "a copy is quarantined";
  } else if (row.label) {
    row.state = ImageState::kept;
  } else if (picture.labels == 0) {
    row.state = ImageState::unlabelled;
    row.reason = "no label";
  } else {
    row.state = ImageState::disputed;
    row.reason = fmt::format("labelled differently: {}", label_names(picture.labels));
  }
}

}  // namespace

Result<void> settle_copies(Work& work, const CopySettings& settings) {
  return CopySettling(work, settings).run();
}

}  // namespace holisafe::construction
