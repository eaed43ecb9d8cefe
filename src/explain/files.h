// The two files of an explained picture, and what the line of its verdict says of them.
//
//   DIR/000012-photo.png    the overlay (overlay.h)
//   DIR/000012-photo.json   {"format": "holisafe-explanation/1", …}: every number that the overlay shows
#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/result.h"
#include "explain/explanation.h"
#include "image/image.h"

namespace holisafe::explain {

/// "000012-photo": the position among the pictures, and the file's stem with every byte outside A-Z a-z 0-9 .
/// _ - as _, at most 80 of them; "image" for one that has no file.
std::string file_stem(std::size_t position, const std::string& path);

/// format, path, width, height, method, label, subcategory, log_odds, box, place, without, pieces: [{box:
/// [left, top, right, bottom], rows, columns, values: a list a row}].
nlohmann::ordered_json to_json(const Explanation& explanation);

/// Of a file as to_json() makes it all but the pieces. Anybody may have made it. Errors: those of
/// read_file(), malformed (no such document, or numbers that no explanation has; names the field).
Result<Explanation> read_explanation(const std::filesystem::path& file);

/// An explanation whose files are written.
struct Written {
  Explanation explanation;
  std::string overlay;  ///< path
  std::string grid;     ///< path
};

/// Draws `picture` and writes both files, each at once: the overlay first. Where the second cannot be
/// written, the first is taken away again. Errors: those of write_file_atomic() and encode_png(). The same
/// explanation gives the same bytes.
Result<Written> write_files(const std::filesystem::path& folder, std::size_t position,
                            Explanation explanation, const image::Image& picture);

/// Adds to the line of a verdict `explanation`: {overlay, grid (paths), box, place, without, reason}, or why
/// there is none: `error`: {kind, message}.
void add_explanation(nlohmann::ordered_json& line, const Result<Written>& written);

}  // namespace holisafe::explain
