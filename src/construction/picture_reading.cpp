#include "construction/picture_reading.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <span>
#include <thread>
#include <type_traits>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/ahead.h"
#include "base/file.h"
#include "base/hash.h"
#include "image/image.h"
#include "image/near_duplicates.h"
#include "verdicts/file_stamp.h"
#include "verdicts/guard_tables.h"

namespace holisafe::construction {
namespace {

using Clock = std::chrono::steady_clock;

/// What a kill may cost again.
constexpr std::size_t pictures_a_commit = 256;
constexpr std::chrono::seconds commit_every{2};

/// What came of looking at a picture's file.
struct ReadPicture {
  ImageRow row;
  std::optional<Look> look;      ///< of what was decoded now
  std::optional<Error> warning;  ///< of what cannot be decoded, or is gone
  std::optional<Error> fault;    ///< why the build cannot go on
  bool changed = false;          ///< the row is to be written
};

template <class Value>
std::string bytes_of(const Value& value) {
  static_assert(std::is_trivially_copyable_v<Value>);
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

std::string pixels_sum(const image::Image& picture) {
  Sha256 sum;
  sum.update(fmt::format("{} {}\n", picture.width, picture.height));
  sum.update({reinterpret_cast<const char*>(picture.rgb.data()), picture.rgb.size()});
  return hex(sum.finish());
}

/// Why a picture is not used: without its place, which differs from machine to machine.
void set_undecodable(ReadPicture& out, const Error& error) {
  ImageRow& row = out.row;
  const Error bare = verdicts::without_path(verdicts::without_path(error, row.file), row.path);
  row.state = ImageState::undecodable;
  row.reason = bare.message();
  row.label = std::nullopt;
  out.changed = true;
  out.warning = verdicts::with_path(bare, fmt::format("{}: {}", row.source, row.path));
}

void describe_picture(ReadPicture& out, const std::string& bytes) {
  ImageRow& row = out.row;
  const auto picture = image::decode(std::as_bytes(std::span(bytes)), {}, row.path);
  if (!picture) return set_undecodable(out, picture.error());
  row.width = picture->width;
  row.height = picture->height;
  row.reason.clear();
  if (std::min(row.width, row.height) < least_picture_side) {
    row.state = ImageState::too_small;
    row.reason = fmt::format("expected at least {} pixels a side, found {} x {}", least_picture_side,
                             row.width, row.height);
    return;
  }
  const auto described = image::describe(*picture);
  if (!described) return set_undecodable(out, described.error());
  row.pixels = pixels_sum(*picture);
  row.pdq = image::hex(described->hashed.hash);
  row.pdq_quality = described->hashed.quality;
  row.state = ImageState::unlabelled;
  out.look = Look{row.id, bytes_of(described->frequencies), bytes_of(described->sketch)};
}

ReadPicture read_picture(ImageRow known) {
  ReadPicture out{std::move(known), {}, {}, {}, false};
  ImageRow& row = out.row;
  struct stat status {};
  if (::stat(row.file.c_str(), &status) != 0) {
    const Error error = system_error("cannot read file", row.file, errno);
    if (row.sha256.empty()) {
      set_undecodable(out, error);
    } else {
      out.warning = error;
    }
    return out;
  }
  const verdicts::FileStamp stamp = verdicts::stamp(status);
  if (row.stamp == stamp) return out;
  const auto bytes = read_file(row.file, image::Limits{}.file_bytes);
  if (!bytes) {  // without its stamp, so that the next build tries again
    if (row.width > 0) {
      out.warning = bytes.error();
    } else {
      set_undecodable(out, bytes.error());
    }
    return out;
  }
  const std::string sum = hex(sha256(*bytes));
  out.changed = true;
  row.stamp = stamp;
  if (sum == row.sha256) return out;
  if (row.width > 0) {
    out.fault = Error{ErrorKind::mismatch, "picture changed since it was imported", row.file,
                      fmt::format("expected SHA-256 {}, found {}", row.sha256, sum)};
    return out;
  }
  row.sha256 = sum;
  describe_picture(out, *bytes);
  return out;
}

/// What was read and is not written yet.
class ReadPictures {
 public:
  ReadPictures(Work& work, const Warn& warn) : work_(work), warn_(warn) {}

  Result<void> take(ReadPicture read) {
    if (read.fault) return fail(*std::move(read.fault));
    if (read.warning && warn_) {
      warn_(fmt::format("{}: {}", read.changed ? "undecodable" : "cannot be read any more",
                        read.warning->message()));
    }
    if (read.look) {
      ++decoded_;
      looks_.push_back(*std::move(read.look));
    }
    if (read.changed) images_.push_back(std::move(read.row));
    const bool due = images_.size() >= pictures_a_commit || Clock::now() - last_ >= commit_every;
    return due ? commit() : Result<void>();
  }

  Result<void> commit() {
    const auto write = [&]() -> Result<void> {
      HOLISAFE_CHECK(work_.write(images_));
      return work_.write(looks_);
    };
    HOLISAFE_CHECK(work_.together(write));
    images_.clear();
    looks_.clear();
    last_ = Clock::now();
    return {};
  }

  [[nodiscard]] std::uint64_t decoded() const { return decoded_; }

 private:
  Work& work_;
  const Warn& warn_;
  std::vector<ImageRow> images_;
  std::vector<Look> looks_;
  std::uint64_t decoded_ = 0;
  Clock::time_point last_ = Clock::now();
};

}  // namespace

Result<std::uint64_t> read_pictures(Work& work, const std::vector<bool>& listed, const Warn& warn,
                                    Progress* progress, const StopFlag& stop) {
  const auto threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  const std::size_t window = 4 * static_cast<std::size_t>(threads);
  Ahead<ImageRow, ReadPicture> ahead(read_picture, threads);
  ReadPictures read(work, warn);
  std::uint64_t done = 0;
  const auto take_oldest = [&]() -> Result<void> {
    auto next = ahead.next();
    HOLISAFE_CHECK(read.take(std::move(*next)));
    if (progress != nullptr) progress->update(++done, listed.size(), "pictures read");
    return {};
  };
  auto all = work.for_each_image([&](const ImageRow& row) -> Result<void> {
    if (stop.requested()) return fail(ErrorKind::interrupted, "interrupted");
    if (!listed[static_cast<std::size_t>(row.id)]) return {};
    if (ahead.waiting() >= window) HOLISAFE_CHECK(take_oldest());
    ahead.push(row);
    return {};
  });
  while (all && ahead.waiting() > 0) {
    if (auto taken = take_oldest(); !taken) all = std::move(taken);
  }
  HOLISAFE_CHECK(read.commit());
  HOLISAFE_CHECK(all);
  return read.decoded();
}

}  // namespace holisafe::construction
