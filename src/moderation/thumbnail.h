// Pictures small enough for a page.
#pragma once

#include <filesystem>
#include <string>

#include "image/image.h"
#include "report/report.h"
#include "verdicts/guard_store.h"

namespace holisafe::moderation {

/// A picture of a run for a page: at most 160 pixels a side, as JPEG in a `data:` URL, about 5 KB. A file
/// that is not there, cannot be decoded, or no longer holds `content` has words instead.
report::Picture thumbnail(const std::filesystem::path& file, const Digest& content,
                          const image::DecodeOptions& options);

}  // namespace holisafe::moderation
