#include "construction/export_folder.h"

#include <cerrno>
#include <nlohmann/json.hpp>
#include <span>

#include <fcntl.h>
#include <fmt/format.h>

#include "base/descriptor.h"
#include "base/file.h"
#include "base/json_line.h"
#include "construction/source_picture.h"

namespace holisafe::construction {
namespace {

namespace fs = std::filesystem;

/// A file of a folder that is synced as a whole.
Result<void> write_new_file(const fs::path& path, std::string_view bytes) {
  constexpr mode_t mode = 0666;  // less umask
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (file.get() < 0) return fail(system_error("cannot write", path, errno));
  return write_fully(file.get(), bytes, path);
}

}  // namespace

std::string_view ending_of(image::Format format) {
  return format == image::Format::jpeg ? "jpg" : image::name(format);
}

std::string file_stem(std::int64_t id) { return fmt::format("{:08}", id); }

void add_labels(nlohmann::ordered_json& row, const PairWithImage& exported) {
  const taxonomy::GuardClass& harm = taxonomy::classes()[exported.pair.subcategory];
  row["type"] = taxonomy::name(exported.pair.type);
  row["category"] = harm.category;
  row["subcategory"] = harm.name;
  row["image_safe"] = taxonomy::image_safe(exported.pair.type);
  row["image_safety_label"] = exported.image.label.value_or(0);
}

Result<void> Gathered::add(std::string_view piece) {
  constexpr std::size_t together = std::size_t{64} << 10U;
  pieces_ += piece;
  return pieces_.size() < together ? Result<void>() : flush();
}

Result<void> Gathered::flush() {
  if (pieces_.empty()) return {};
  HOLISAFE_CHECK((*write_)(pieces_));
  pieces_.clear();
  return {};
}

ExportFolder::ExportFolder(const Work& work, fs::path folder, Options options, Progress* progress,
                           const StopFlag& stop)
    : work_(&work), folder_(std::move(folder)), options_(options), progress_(progress), stop_(&stop) {}

Result<const ExportFolder::Picture*> ExportFolder::picture(const ImageRow& image) {
  if (picture_.id == image.id) return &picture_;
  picture_.id = -1;
  HOLISAFE_CHECK(read_source_picture(image, picture_.bytes));
  const auto format = image::detect(std::as_bytes(std::span(picture_.bytes)));
  if (!format) return fail(in_picture(format.error(), image));
  picture_.format = *format;
  picture_.id = image.id;
  const auto at = static_cast<std::size_t>(image.id);
  if (formats_.size() <= at) formats_.resize(at + 1, -1);
  formats_[at] = static_cast<std::int8_t>(*format);
  return &picture_;
}

image::Format ExportFolder::format_of(const ImageRow& image) const {
  return static_cast<image::Format>(formats_[static_cast<std::size_t>(image.id)]);
}

std::string ExportFolder::place_of(const ImageRow& image) const {
  const taxonomy::GuardClass& label = taxonomy::classes()[image.label.value_or(0)];
  return fmt::format("{}/{}/{}.{}", label.category, label.name, file_stem(image.id),
                     ending_of(format_of(image)));
}

Result<std::string> ExportFolder::place_picture(const std::string& under, const ImageRow& image) {
  const auto at = static_cast<std::size_t>(image.id);
  if (at < placed_.size() && placed_[at]) return place_of(image);
  HOLISAFE_TRY(const Picture* const read, picture(image));
  std::string place = place_of(image);
  const fs::path file = folder_ / under / place;
  if (made_folders_.insert(file.parent_path().string()).second)
    HOLISAFE_CHECK(make_folders(file.parent_path()));
  HOLISAFE_CHECK(write_new_file(file, read->bytes));
  if (placed_.size() <= at) placed_.resize(at + 1);
  placed_[at] = true;
  return place;
}

Result<void> ExportFolder::step() {
  if (stop_->requested()) return fail(ErrorKind::interrupted, "stopped", folder_.string());
  if (progress_ != nullptr) progress_->update(++done_, options_.pairs, "");
  return {};
}

Result<void> ExportFolder::write_rows(const std::string& file, Side side, RowsAs as, const ToRow& to_row) {
  ExportedPairs from = pairs(side);
  HOLISAFE_TRY(const PairWithImage* exported, from.next());
  if (exported == nullptr) return {};
  const fs::path path = folder_ / file;
  HOLISAFE_CHECK(make_folders(path.parent_path()));
  return write_file_atomic(path, [&](const WritePiece& write) -> Result<void> {
    Gathered rows(write);
    const bool array = as == RowsAs::array;
    std::string_view before = array ? "[\n" : "";
    while (exported != nullptr) {
      HOLISAFE_CHECK(step());
      HOLISAFE_TRY(const nlohmann::ordered_json row, to_row(*exported));
      std::string line = json_line(row);
      if (array) line.pop_back();  // what follows ends it
      HOLISAFE_CHECK(rows.add(before));
      HOLISAFE_CHECK(rows.add(line));
      before = array ? ",\n" : "";
      HOLISAFE_TRY(exported, from.next());
    }
    if (array) HOLISAFE_CHECK(rows.add("\n]\n"));
    return rows.flush();
  });
}

}  // namespace holisafe::construction
