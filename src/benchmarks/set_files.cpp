#include "benchmarks/set_files.h"

#include <set>
#include <utility>

#include <fmt/format.h>

namespace holisafe::benchmarks {
namespace {

/// A file that holds the rows: a prediction file, or one file of the set.
Layout lone_file(const RowFormat& format, const std::filesystem::path& file) {
  return {{{file}}, images_beside(file, format.images_folder)};
}

Result<Layout> layout_of(const RowFormat& format, const DataPlace& data) {
  std::error_code code;
  if (!std::filesystem::is_directory(data.path, code)) return lone_file(format, data.path);
  if (format.layout != nullptr) return format.layout(data);
  return lone_file(format, data.path / format.file_name);
}

}  // namespace

sources::ImagePlace images_beside(const std::filesystem::path& file, std::string_view images_folder) {
  const auto folder = folder_beside(file);
  return {sources::ImagePlace::Kind::folder, images_folder.empty() ? folder : folder / images_folder};
}

SetFiles::SetFiles(const RowFormat& format, Layout layout, std::filesystem::path root)
    : base64_column_(format.base64_column), layout_(std::move(layout)), root_(std::move(root)) {
  if (layout_.images.base64_column.empty()) layout_.images.base64_column = base64_column_;
  if (layout_.images.kind == sources::ImagePlace::Kind::columns) layout_.images.path = root_;
}

Result<SetFiles> SetFiles::open(const RowFormat& format, const DataPlace& named) {
  const DataPlace data = format.stands_for == nullptr ? named : format.stands_for(named);
  HOLISAFE_TRY(auto layout, layout_of(format, data));
  const bool folder = layout.rows.front().file != data.path;
  SetFiles out(format, std::move(layout), folder ? data.path : folder_beside(data.path));
  HOLISAFE_TRY(out.source_, sources::open_rows(out.now(), out.options()));
  out.take_lone_pictures();
  return out;
}

Result<SetFiles> SetFiles::open(const RowFormat& format, InputFile file) {
  SetFiles out(format, lone_file(format, file.path()), folder_beside(file.path()));
  HOLISAFE_TRY(out.source_, sources::open_rows(std::move(file), out.options()));
  out.take_lone_pictures();
  return out;
}

/// A file that the user named, or a set of one file without a layout of its own, may hold the pictures
/// itself.
void SetFiles::take_lone_pictures() {
  if (layout_.rows.size() == 1 && source_->has_pictures() &&
      layout_.images.kind == sources::ImagePlace::Kind::folder)
    layout_.images = {sources::ImagePlace::Kind::columns, root_, "", std::string(base64_column_)};
}

Result<std::optional<sources::RowPiece>> SetFiles::next(std::size_t most) {
  while (true) {
    if (!source_) {
      HOLISAFE_TRY(source_, sources::open_rows(now(), options()));
    }
    HOLISAFE_TRY(auto piece, source_->next(most));
    if (piece || at_ + 1 == layout_.rows.size()) return piece;
    ++at_;
    source_.reset();
  }
}

void SetFiles::rewind() {
  if (at_ > 0) source_.reset();
  at_ = 0;
  if (source_) source_->rewind();
}

Result<Digest> SetFiles::digest() const {
  if (layout_.rows.size() == 1 && source_) return source_->digest();
  Sha256 out;
  std::set<std::filesystem::path> seen;
  for (const auto& place : layout_.rows) {
    if (!seen.insert(place.file).second) continue;
    HOLISAFE_TRY(const auto source, sources::open_rows(place.file, options()));
    HOLISAFE_TRY(const Digest each, source->digest());
    const std::string name = place.file.lexically_relative(root_).string();
    out.update(fmt::format("{}:{} {}\n", name.size(), name, hex(each)));
  }
  return out.finish();
}

}  // namespace holisafe::benchmarks
