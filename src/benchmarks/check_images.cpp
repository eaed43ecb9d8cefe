#include <fmt/format.h>

#include "benchmarks/contents.h"

namespace holisafe::benchmarks {

Result<void> check_images(const Contents& contents, const CheckImage& check_image,
                          dataset::Problems& problems, Progress* progress, const StopFlag& stop) {
  HOLISAFE_TRY(const auto images, sources::open_images(contents.images));
  std::uint64_t done = 0;
  for (const NamedImage& named : contents.named) {
    if (stop.requested()) return fail(ErrorKind::interrupted, "stopped", contents.file);
    problems.set_file(named.file);
    const auto image = images->image(named.path);
    const auto checked = image ? check_image(*image) : Result<void>(fail(image.error()));
    if (!checked) {
      const Error& error = checked.error();
      problems.add(named.row, named.field, error.kind, error.what,
                   fmt::format("{}{}{}", named.path, error.detail.empty() ? "" : ": ", error.detail));
    }
    if (progress != nullptr) progress->update(++done, contents.named.size(), "");
  }
  return {};
}

}  // namespace holisafe::benchmarks
