#include "construction/files.h"

#include <nlohmann/json.hpp>
#include <utility>

#include <fmt/format.h>

#include "base/file.h"
#include "base/json_line.h"

namespace holisafe::construction {
namespace {

using nlohmann::ordered_json;

/// So much is written at a time.
constexpr std::size_t piece_bytes = std::size_t{1} << 16U;

ordered_json text_or_null(const std::string& text) {
  return text.empty() ? ordered_json() : ordered_json(text);
}
ordered_json text_or_null(std::string_view text) { return text_or_null(std::string(text)); }
ordered_json number_or_null(std::int64_t number) {
  return number < 0 ? ordered_json() : ordered_json(number);
}

ordered_json label_name(const std::optional<std::size_t>& label) {
  return label ? ordered_json(taxonomy::classes()[*label].name) : ordered_json();
}

ordered_json votes_json(const std::vector<Vote>& votes) {
  auto out = ordered_json::array();
  for (const Vote& vote : votes) {
    ordered_json one{{"by", vote.by}, {"label", vote.label}};
    out.push_back(std::move(one));
  }
  return out;
}

ordered_json review_json(const std::optional<Review>& review) {
  if (!review) return {};
  ordered_json out{{"decision", review->decision}, {"reviewer", text_or_null(review->reviewer)}};
  if (review->decision == "edit") {
    out["before"] = {{"instruction", text_or_null(review->before_instruction)},
                     {"response", text_or_null(review->before_response)}};
  }
  return out;
}

/// A file's lines, gathered into pieces.
class LineWriter {
 public:
  explicit LineWriter(const WritePiece& write) : write_(write) {}
  Result<void> add(const ordered_json& row) {
    piece_ += json_line(row);
    return piece_.size() < piece_bytes ? Result<void>() : flush();
  }
  Result<void> flush() {
    if (piece_.empty()) return {};
    HOLISAFE_CHECK(write_(piece_));
    piece_.clear();
    return {};
  }

 private:
  const WritePiece& write_;
  std::string piece_;
};

Result<void> write_images(const Work& work) {
  return write_file_atomic(work.folder() / images_file, [&](const WritePiece& write) -> Result<void> {
    LineWriter lines(write);
    HOLISAFE_CHECK(work.for_each_image([&](const ImageRow& image) { return lines.add(to_json(image)); }));
    return lines.flush();
  });
}

Result<void> write_pairs(const Work& work) {
  return write_file_atomic(work.folder() / pairs_file, [&](const WritePiece& write) -> Result<void> {
    LineWriter lines(write);
    std::optional<ImageRow> image;  // of the pair before: pairs of an image mostly stand together
    HOLISAFE_CHECK(work.for_each_pair({}, [&](const PairRow& pair) -> Result<void> {
      if (!image || image->id != pair.image_id) {
        HOLISAFE_TRY(image, work.image(pair.image_id));
      }
      if (!image) {
        return fail(ErrorKind::malformed, "damaged run store", (work.folder() / Work::file_name).string(),
                    fmt::format("expected the image {} of pair {}, found none", pair.image_id, pair.id));
      }
      return lines.add(to_json(pair, *image));
    }));
    return lines.flush();
  });
}

}  // namespace

ordered_json to_json(const ImageRow& image) {
  const bool decoded = image.width > 0;
  const bool hashed = !image.pdq.empty();
  ordered_json out{
      {"id", image.id},
      {"source", image.source},
      {"path", image.path},
      {"sha256", text_or_null(image.sha256)},
      {"width", decoded ? ordered_json(image.width) : ordered_json()},
      {"height", decoded ? ordered_json(image.height) : ordered_json()},
      {"pdq", text_or_null(image.pdq)},
      {"pdq_quality", hashed ? ordered_json(image.pdq_quality) : ordered_json()},
      {"cluster", number_or_null(image.cluster)},
      {"state", name(image.state)},
      {"duplicate_of", number_or_null(image.duplicate_of)},
      {"reason", text_or_null(image.reason)},
  };
  out["label"] = label_name(image.label);
  out["labels"] = votes_json(image.votes);
  out["license"] = text_or_null(image.license);
  out["origin"] = text_or_null(image.origin);
  out["split"] = text_or_null(name(image.side));
  return out;
}

ordered_json to_json(const PairRow& pair, const ImageRow& image) {
  const auto& harm = taxonomy::classes()[pair.subcategory];
  ordered_json out{
      {"id", pair.id},
      {"image_id", pair.image_id},
      {"image", image.path},
      {"type", taxonomy::name(pair.type)},
      {"category", harm.category},
      {"subcategory", harm.name},
      {"image_safe", taxonomy::image_safe(pair.type)},
      {"image_safety_label", image.label ? ordered_json(*image.label) : ordered_json()},
      {"instruction", text_or_null(pair.instruction)},
      {"response", text_or_null(pair.response)},
      {"state", name(pair.state)},
      {"filter", text_or_null(pair.filter)},
      {"reason", text_or_null(pair.reason)},
      {"writer", text_or_null(pair.writer)},
      {"checker", text_or_null(pair.checker)},
      {"rewrites", pair.rewrites},
      {"prompt_sha256", text_or_null(pair.prompt_sha256)},
  };
  out["split"] = text_or_null(name(image.side));
  out["review"] = review_json(pair.review);
  return out;
}

Result<void> write_files(const Work& work) {
  HOLISAFE_CHECK(write_images(work));
  HOLISAFE_CHECK(write_pairs(work));
  HOLISAFE_TRY(const ordered_json counts, summary(work));
  return write_file_atomic(work.folder() / summary_file, json_line(counts));
}

}  // namespace holisafe::construction
