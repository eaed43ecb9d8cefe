// The flags of every command that opens images.
#pragma once

#include <CLI/CLI.hpp>

#include "image/image.h"

namespace holisafe::cli {

/// --max-file-bytes, --max-width, --max-height, --max-pixels; `limits` must outlive parsing.
inline void add_image_limits(CLI::App* command, image::Limits& limits) {
  command->add_option("--max-file-bytes", limits.file_bytes, "Largest file");
  command->add_option("--max-width", limits.width, "Widest picture");
  command->add_option("--max-height", limits.height, "Highest picture");
  command->add_option("--max-pixels", limits.pixels, "Most pixels, checked before decoding");
}

/// --alpha and the limits; `options` must outlive parsing.
inline void add_image_flags(CLI::App* command, image::DecodeOptions& options) {
  command
      ->add_option_function<std::string>(
          "--alpha",
          [&options](const std::string& word) {
            options.alpha = word == "drop" ? image::Alpha::drop : image::Alpha::white;
          },
          "Transparency: composite over white as people see it, or drop it as Pillow does")
      ->check(CLI::IsMember({"white", "drop"}))
      ->type_name("white|drop");
  add_image_limits(command, options.limits);
}

}  // namespace holisafe::cli
