#include <fmt/format.h>

#include "base/file.h"
#include "benchmarks/contents.h"

namespace holisafe::benchmarks {

Result<void> check_images(const Contents& contents, const CheckImage& check_image,
                          dataset::Problems& problems, Progress* progress, const StopFlag& stop) {
  std::uint64_t done = 0;
  for (const NamedImage& named : contents.named) {
    if (stop.requested()) return fail(ErrorKind::interrupted, "stopped", contents.file);
    const auto path = resolve_beneath(contents.images, named.path);
    const auto checked = path ? check_image(*path) : Result<void>(fail(path.error()));
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
