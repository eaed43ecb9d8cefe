#include "sources/image_source.h"

#include "sources/image_forms.h"

namespace holisafe::sources {

Result<std::unique_ptr<ImageSource>> open_images(const ImagePlace& place) {
  switch (place.kind) {
    case ImagePlace::Kind::folder:
      return folder_images(place);
    case ImagePlace::Kind::columns:
      return column_images(place);
    case ImagePlace::Kind::archive:
      return archive_images(place);
  }
  return fail(ErrorKind::internal, "no such place of images", place.path.string());
}

}  // namespace holisafe::sources
