// A file with a guard's answers, as it came out of somebody's script: JSON lines, or an array of rows.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/input_file.h"
#include "base/result.h"
#include "guard_formats/guard_format.h"
#include "runs/guard_images.h"

namespace holisafe::runs {

/// One thread at a time.
class GuardAnswerFile {
 public:
  /// Errors: those of InputFile::open().
  static Result<GuardAnswerFile> open(const std::string& path, const guard_formats::GuardFormat& format);

  /// Called with an image's number and its output as JSON. Valid during the call.
  using OnOutput = std::function<Result<void>(std::size_t image, const std::string& output)>;
  /// Reads everything from the beginning; an output that is null is none. `scored`: every answer must have a
  /// score. Gives how many rows are of other pictures, which only a format that names them by paths may have.
  /// Errors: io; with file, line and field: malformed, missing, wrong_type, out_of_range, duplicate
  /// (an image or a field twice), unexpected (an image that the data lack); those of `on_output`.
  Result<std::uint64_t> read(const GuardImages& images, bool scored, const OnOutput& on_output) const;

  [[nodiscard]] Result<Digest> sha256() const { return file_.sha256(); }
  [[nodiscard]] std::string path() const { return file_.path().string(); }

 private:
  GuardAnswerFile(InputFile file, const guard_formats::GuardFormat& format)
      : file_(std::move(file)), format_(&format) {}

  InputFile file_;
  const guard_formats::GuardFormat* format_;
};

}  // namespace holisafe::runs
