#include <fmt/format.h>

#include "base/file.h"
#include "base/lfs_pointer.h"
#include "sources/image_forms.h"

namespace holisafe::sources {
namespace {

/// Pointers are texts of some lines.
constexpr std::uintmax_t most_pointer_bytes = 1024;

class FolderImages : public ImageSource {
 public:
  explicit FolderImages(const ImagePlace& place) : ImageSource(place) {}

  Result<void> check(std::string_view name) override {
    HOLISAFE_TRY(const auto file, resolve_beneath(place().path, name));
    std::error_code code;
    const auto size = std::filesystem::file_size(file, code);
    if (code || size > most_pointer_bytes) return {};
    HOLISAFE_TRY(const std::string start, read_start(file, most_pointer_bytes));
    if (!is_lfs_pointer(start)) return {};
    return fail(ErrorKind::malformed, "cannot read image", (place().path / name).string(), lfs_pointer_words);
  }

  Result<chat::Image> image(std::string_view name) override {
    HOLISAFE_TRY(auto file, resolve_beneath(place().path, name));
    return chat::Image{std::move(file), nullptr};
  }
};

}  // namespace

std::unique_ptr<ImageSource> folder_images(const ImagePlace& place) {
  return std::make_unique<FolderImages>(place);
}

}  // namespace holisafe::sources
