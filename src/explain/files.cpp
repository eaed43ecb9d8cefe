#include "explain/files.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "base/file.h"
#include "base/json_line.h"
#include "base/text.h"
#include "explain/overlay.h"
#include "taxonomy/taxonomy.h"
#include "verdicts/verdict_json.h"

namespace holisafe::explain {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t longest_stem = 80;
constexpr const char* format_name = "holisafe-explanation/1";

bool stays(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-';
}

/// box, place, without.
void add_place(ordered_json& out, const Explanation& explanation) {
  out["box"] = nullptr;
  out["place"] = nullptr;
  out["without"] = nullptr;
  if (explanation.box) {
    const Box& box = *explanation.box;
    out["box"] = {box.left, box.top, box.right, box.bottom};
    out["place"] = place_of(box, explanation.width, explanation.height);
  }
  if (explanation.without) out["without"] = *explanation.without;
}

ordered_json piece_json(const Piece& piece) {
  const image::Frame& frame = piece.frame;
  ordered_json values = ordered_json::array();
  for (std::int64_t row = 0; row < frame.rows; ++row) {
    const auto begin = piece.values.begin() + row * frame.columns;
    values.push_back(std::vector<double>(begin, begin + frame.columns));
  }
  return {{"box", {frame.left, frame.top, frame.right, frame.bottom}},
          {"rows", frame.rows},
          {"columns", frame.columns},
          {"values", std::move(values)}};
}

/// A document of somebody else's.
class Reader {
 public:
  Reader(const nlohmann::json& document, const std::string& where) : document_(document), where_(where) {}

  std::int64_t integer(const char* key, std::int64_t least, std::int64_t most) {
    const auto* found = member(key);
    if (found != nullptr && found->is_number_integer()) {
      const auto value = found->get<std::int64_t>();
      if (value >= least && value <= most) return value;
    }
    reject(key, fmt::format("a whole number from {} to {}", least, most));
    return least;
  }
  double number(const char* key) {
    const auto* found = member(key);
    if (found != nullptr && found->is_number()) return found->get<double>();
    reject(key, "a number");
    return 0;
  }
  std::string text(const char* key) {
    const auto* found = member(key);
    if (found != nullptr && found->is_string()) return found->get<std::string>();
    reject(key, "text");
    return {};
  }
  /// Nothing where it is null.
  std::optional<Box> box(const char* key, int width, int height) {
    const auto* found = member(key);
    if (found != nullptr && found->is_null()) return std::nullopt;
    std::array<int, 4> edges{};
    bool whole = found != nullptr && found->is_array() && found->size() == edges.size();
    for (std::size_t i = 0; whole && i < edges.size(); ++i) {
      whole = (*found)[i].is_number_integer();
      if (whole)
        edges[i] = static_cast<int>(std::clamp<std::int64_t>((*found)[i].get<std::int64_t>(), -1, 1 << 20));
    }
    const Box out{edges[0], edges[1], edges[2], edges[3]};
    if (whole && 0 <= out.left && out.left < out.right && out.right <= width && 0 <= out.top &&
        out.top < out.bottom && out.bottom <= height)
      return out;
    reject(key, "a box in the picture, or null");
    return std::nullopt;
  }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  void reject(const char* key, const std::string& expected) {
    if (!error_)
      error_ = Error{ErrorKind::malformed, "cannot read explanation", fmt::format("{}: {}", where_, key),
                     "expected " + expected};
  }

 private:
  [[nodiscard]] const nlohmann::json* member(const char* key) const {
    const auto found = document_.is_object() ? document_.find(key) : document_.end();
    return found == document_.end() ? nullptr : &*found;
  }

  const nlohmann::json& document_;
  const std::string& where_;
  std::optional<Error> error_;
};

/// A file's largest: a grid of 128 x 128 cells takes 400 KB.
constexpr std::uint64_t most_bytes = std::uint64_t{64} << 20;
constexpr std::int64_t widest = 1 << 20;
/// JSON that goes deeper is none of ours.
constexpr std::size_t deepest = 16;

}  // namespace

std::string file_stem(std::size_t position, const std::string& path) {
  std::string stem = std::filesystem::path(path).stem().string().substr(0, longest_stem);
  if (stem.empty()) stem = "image";
  for (char& c : stem) {
    if (!stays(c)) c = '_';
  }
  return fmt::format("{:06}-{}", position, stem);
}

ordered_json to_json(const Explanation& explanation) {
  ordered_json out{{"format", format_name}};
  verdicts::add_path(out, "path", explanation.path);
  out["width"] = explanation.width;
  out["height"] = explanation.height;
  out["method"] = name(explanation.method);
  out["label"] = explanation.label;
  out["subcategory"] = taxonomy::classes()[explanation.label].name;
  out["log_odds"] = explanation.log_odds;
  add_place(out, explanation);
  out["pieces"] = ordered_json::array();
  for (const Piece& piece : explanation.pieces) out["pieces"].push_back(piece_json(piece));
  return out;
}

Result<Explanation> read_explanation(const std::filesystem::path& file) {
  HOLISAFE_TRY(const std::string bytes, read_file(file, most_bytes));
  const std::string where = file.string();
  const auto document = nests_deeper(bytes, deepest)
                            ? nlohmann::json(nlohmann::json::value_t::discarded)
                            : nlohmann::json::parse(bytes, nullptr, /*allow_exceptions=*/false);
  Reader reader(document, where);
  if (reader.text("format") != format_name) reader.reject("format", format_name);
  Explanation out;
  out.path = reader.text("path");
  out.width = static_cast<int>(reader.integer("width", 1, widest));
  out.height = static_cast<int>(reader.integer("height", 1, widest));
  const auto method = parse_method(reader.text("method"));
  if (!method) reader.reject("method", "gradient or occlusion");
  out.method = method.value_or(Method::gradient);
  out.label = static_cast<std::size_t>(
      reader.integer("label", 1, static_cast<std::int64_t>(taxonomy::class_count) - 1));
  out.log_odds = reader.number("log_odds");
  out.probability = 1 / (1 + std::exp(-out.log_odds));
  out.box = reader.box("box", out.width, out.height);
  if (out.box) out.without = reader.number("without");
  if (reader.error()) return fail(*reader.error());
  return out;
}

Result<Written> write_files(const std::filesystem::path& folder, std::size_t position,
                            Explanation explanation, const image::Image& picture) {
  const std::string stem = file_stem(position, explanation.path);
  Written out{std::move(explanation), (folder / (stem + ".png")).string(),
              (folder / (stem + ".json")).string()};
  HOLISAFE_TRY(const std::string png, image::encode_png(draw_overlay(out.explanation, picture)));
  HOLISAFE_CHECK(write_file_atomic(out.overlay, png));
  if (const auto grid = write_file_atomic(out.grid, json_line(to_json(out.explanation))); !grid) {
    std::error_code code;
    std::filesystem::remove(out.overlay, code);
    return fail(grid.error());
  }
  return out;
}

void add_explanation(ordered_json& line, const Result<Written>& written) {
  if (!written) {
    line["error"] = {{"kind", name(written.error().kind)}, {"message", written.error().message()}};
    return;
  }
  ordered_json& out = line["explanation"];
  verdicts::add_path(out, "overlay", written->overlay);
  verdicts::add_path(out, "grid", written->grid);
  add_place(out, written->explanation);
  out["reason"] = reason(written->explanation);
}

}  // namespace holisafe::explain
