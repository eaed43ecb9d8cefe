// A picture's file as it was imported.
#pragma once

#include <string>

#include "base/error.h"
#include "base/result.h"
#include "construction/work.h"

namespace holisafe::construction {

/// The bytes of the picture's file into `bytes`, whose memory serves again. Errors: mismatch (no longer the
/// bytes that were imported), those of read_file() and too_large (as image::Limits), each with the image's
/// number and file.
Result<void> read_source_picture(const ImageRow& image, std::string& bytes);

/// The error with the image's number and file in place of where it was.
Error in_picture(Error error, const ImageRow& image);

}  // namespace holisafe::construction
