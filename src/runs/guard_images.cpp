#include "runs/guard_images.h"

#include <fmt/format.h>

#include "benchmarks/set_rows.h"
#include "dataset/row_elements.h"
#include "dataset/rows.h"
#include "image/image.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::runs {
namespace {

/// Only image and label count, whatever else a row holds.
std::optional<benchmarks::Item> read_row(benchmarks::RowReading& reading) {
  if (reading.value("id")) reading.take_id("id");
  const auto image = reading.text("image");
  if (image) reading.take_image("image", *image);
  const auto value = reading.value("image_safety_label");
  std::int64_t label = -1;
  if (!value) {
    reading.problem("image_safety_label", ErrorKind::missing, "expected an integer, found nothing");
  } else if (value->get(label) != simdjson::SUCCESS) {
    reading.problem("image_safety_label", ErrorKind::wrong_type,
                    fmt::format("expected an integer, found {}", dataset::kind_of(*value)));
  } else if (label < 0 || label >= static_cast<std::int64_t>(taxonomy::class_count)) {
    reading.problem("image_safety_label", ErrorKind::out_of_range,
                    fmt::format("expected 0 to {}, found {}", taxonomy::class_count - 1, label));
  }
  if (!reading.sound()) return std::nullopt;
  benchmarks::Item out = reading.item();
  out.parts = {chat::Image{std::string(*image), nullptr}};
  out.label = static_cast<int>(label);
  return out;
}

/// Where HoliSafe-Bench has its rows and images.
const benchmarks::RowFormat labelled_rows{
    .file_name = dataset::bench_file_name, .images_folder = "images", .read = read_row};

Result<void> decodes(const chat::Image& image) {
  const auto picture = image::load(image.file, image.bytes.get(), {});
  return picture ? Result<void>() : fail(picture.error());
}

}  // namespace

Result<GuardImages> GuardImages::open(const std::filesystem::path& data,
                                      const std::filesystem::path& images) {
  constexpr std::size_t rows_at_once = 256;
  HOLISAFE_TRY(const auto rows, benchmarks::open_rows(labelled_rows, benchmarks::DataPlace{data}));
  GuardImages out;
  out.contents_.file = rows->file().string();
  if (images.empty()) {
    HOLISAFE_TRY(out.source_, rows->images());
  } else {
    HOLISAFE_TRY(out.source_, sources::open_images({sources::ImagePlace::Kind::folder, images}));
  }
  out.contents_.images = out.source_->place();
  while (true) {
    HOLISAFE_TRY(const auto items, rows->next(rows_at_once));
    if (items.empty()) break;
    for (const auto& item : items) out.take(item);
  }
  HOLISAFE_TRY(out.sha256_, rows->sha256());
  return out;
}

void GuardImages::take(const benchmarks::Item& item) {
  const std::string name = item.images().front();
  const auto [place, added] = numbers_.try_emplace(name, images_.size());
  if (added) {
    images_.push_back({name, *item.label});
    auto& named = contents_.named.emplace_back();
    named.row.index = static_cast<std::size_t>(item.position);
    named.row.id = item.id;
    named.row.id_is_string = item.id_is_string;
    named.field = "image";
    named.path = name;
    named.file = contents_.file;
  } else if (images_[place->second].label != *item.label) {
    ++disagreements_;
  }
}

std::optional<std::size_t> GuardImages::find(std::string_view name) const {
  const auto place = numbers_.find(std::string(name));
  return place == numbers_.end() ? std::nullopt : std::optional(place->second);
}

std::optional<std::size_t> GuardImages::find_at_end(std::string_view path) const {
  while (true) {
    if (const auto found = find(path)) return found;
    const auto slash = path.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    path.remove_prefix(slash + 1);
  }
}

Result<chat::Image> GuardImages::image(std::size_t number) const {
  return source_->image(images_[number].name);
}

Result<void> GuardImages::check(Progress* progress, const StopFlag& stop) const {
  dataset::Problems problems(contents_.file);
  HOLISAFE_CHECK(benchmarks::check_images(contents_, decodes, problems, progress, stop));
  if (problems.empty()) return {};
  Error first = problems.kept().front();
  if (problems.count() > 1)
    first.detail += fmt::format(" ({} such images; `holisafe data check` shows all)", problems.count());
  return fail(std::move(first));
}

}  // namespace holisafe::runs
