#include "construction/source_picture.h"

#include <fmt/format.h>

#include "base/file.h"
#include "base/hash.h"
#include "image/image.h"

namespace holisafe::construction {

Error in_picture(Error error, const ImageRow& image) {
  error.where = fmt::format("image {} ({})", image.id, one_line(image.file));
  return error;
}

Result<void> read_source_picture(const ImageRow& image, std::string& bytes) {
  if (const auto read = read_file(image.file, bytes, image::Limits{}.file_bytes); !read)
    return fail(in_picture(read.error(), image));
  const std::string found = hex(sha256(bytes));
  if (found == image.sha256) return {};
  return fail(in_picture({ErrorKind::mismatch, "picture is not the one that was imported", "",
                          fmt::format("expected SHA-256 {}, found {}", image.sha256, found)},
                         image));
}

}  // namespace holisafe::construction
