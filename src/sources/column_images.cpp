#include <fmt/format.h>

#include "base/file.h"
#include "image/image.h"
#include "sources/image_forms.h"
#include "sources/row_source.h"

namespace holisafe::sources {
namespace {

/// The rows' own pictures. Images are mostly asked for in the order of the rows: one file is open at a time.
class ColumnImages : public ImageSource {
 public:
  explicit ColumnImages(const ImagePlace& place) : ImageSource(place) {}

  /// Whoever listed the rows has seen that the picture is there.
  Result<void> check(std::string_view name) override {
    HOLISAFE_TRY(const auto found, place_of(name));
    HOLISAFE_CHECK(resolve_beneath(place().path, found.file));
    return {};
  }

  Result<chat::Image> image(std::string_view name) override {
    HOLISAFE_TRY(const auto found, place_of(name));
    HOLISAFE_CHECK(open(std::string(found.file)));
    HOLISAFE_TRY(std::string bytes, rows_->picture(found.row, found.column));
    if (bytes.size() > image::Limits().file_bytes) {
      return fail(
          ErrorKind::too_large, "image too large", std::string(name),
          fmt::format("expected at most {} bytes, found {}", image::Limits().file_bytes, bytes.size()));
    }
    return chat::Image{std::string(name), std::make_shared<const std::string>(std::move(bytes))};
  }

 private:
  static Result<PicturePlace> place_of(std::string_view name) {
    if (const auto found = parse_picture_name(name)) return *found;
    return fail(ErrorKind::not_found, "no such image", std::string(name),
                "expected the name of a picture in a row's column, FILE#ROW/COLUMN");
  }

  Result<void> open(const std::string& file) {
    if (rows_ && file_ == file) return {};
    rows_.reset();
    HOLISAFE_CHECK(resolve_beneath(place().path, file));
    HOLISAFE_TRY(rows_, open_rows(place().path / file, {place().path, place().base64_column}));
    file_ = file;
    return {};
  }

  std::string file_;
  std::unique_ptr<RowSource> rows_;
};

}  // namespace

std::unique_ptr<ImageSource> column_images(const ImagePlace& place) {
  return std::make_unique<ColumnImages>(place);
}

}  // namespace holisafe::sources
