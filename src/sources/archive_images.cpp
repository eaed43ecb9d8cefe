#include "image/image.h"
#include "sources/archive.h"
#include "sources/image_forms.h"

namespace holisafe::sources {
namespace {

static_assert(Archive::most_bytes == image::Limits().file_bytes, "what decoders take can be read");

/// Members of a tar or zip file.
class ArchiveImages : public ImageSource {
 public:
  ArchiveImages(const ImagePlace& place, Archive archive)
      : ImageSource(place), archive_(std::move(archive)) {}

  Result<void> check(std::string_view name) override { return archive_.check(member(name)); }

  Result<chat::Image> image(std::string_view name) override {
    HOLISAFE_TRY(std::string bytes, archive_.read(member(name)));
    return chat::Image{place().path / member(name), std::make_shared<const std::string>(std::move(bytes))};
  }

 private:
  [[nodiscard]] std::string member(std::string_view name) const { return place().prefix + std::string(name); }

  Archive archive_;
};

}  // namespace

Result<std::unique_ptr<ImageSource>> archive_images(const ImagePlace& place) {
  HOLISAFE_TRY(auto file, InputFile::open(place.path));
  HOLISAFE_TRY(auto archive, Archive::open(std::move(file)));
  return std::make_unique<ArchiveImages>(place, std::move(archive));
}

}  // namespace holisafe::sources
