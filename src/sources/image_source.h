// Images of a data set by name, wherever they lie: in a folder, in an archive that nobody unpacked, in
// columns of the rows themselves.
//
//   HOLISAFE_TRY(auto images, open_images({ImagePlace::Kind::archive, "vlguard/test.zip", "test/"}));
//   HOLISAFE_CHECK(images->check("bad_ads/1.png"));
//   HOLISAFE_TRY(const chat::Image image, images->image("bad_ads/1.png"));
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "chat/chat.h"

namespace holisafe::sources {

/// Where images lie.
struct ImagePlace {
  enum class Kind {
    folder,   ///< files beneath `path`
    archive,  ///< members of the tar or zip file `path`
    columns,  ///< columns of the rows in files beneath the folder `path`
  };
  Kind kind = Kind::folder;
  std::filesystem::path path;
  /// What stands before an image's name in a member's: "test/".
  std::string prefix = {};
  /// As RowOptions has it.
  std::string base64_column = {};
};

/// One thread at a time.
class ImageSource {
 public:
  ImageSource() = default;
  ImageSource(const ImageSource&) = delete;
  ImageSource& operator=(const ImageSource&) = delete;
  virtual ~ImageSource() = default;

  /// Whether the image is there, without reading it. Errors: not_found, outside_root, not_a_file, permission;
  /// malformed (a Git LFS pointer in its place); too_large.
  [[nodiscard]] virtual Result<void> check(std::string_view name) = 0;
  /// The image: its file where it is one, else its bytes, with a name for messages. Errors: those of check();
  /// io, truncated, malformed.
  virtual Result<chat::Image> image(std::string_view name) = 0;
  /// Where they lie, for a run to find them again.
  [[nodiscard]] const ImagePlace& place() const { return place_; }

 protected:
  explicit ImageSource(ImagePlace place) : place_(std::move(place)) {}

 private:
  ImagePlace place_;
};

/// Opens what holds the images. A folder is not looked at until an image is asked for. Errors: those of
/// opening the archive and reading its list of members.
Result<std::unique_ptr<ImageSource>> open_images(const ImagePlace& place);

}  // namespace holisafe::sources
