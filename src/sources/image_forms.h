// The places that images lie in, for open_images(); no user elsewhere.
#pragma once

#include "sources/image_source.h"

namespace holisafe::sources {

std::unique_ptr<ImageSource> folder_images(const ImagePlace& place);
/// Errors: those of opening the archive.
Result<std::unique_ptr<ImageSource>> archive_images(const ImagePlace& place);
std::unique_ptr<ImageSource> column_images(const ImagePlace& place);

}  // namespace holisafe::sources
