// What `holisafe guard --json` prints: a verdict of the 20 classes, or an error (verdicts/verdict_json.h).
#include <fmt/format.h>

#include "guard_formats/formats.h"
#include "guard_formats/output_fields.h"

namespace holisafe::guard_formats {
namespace {

Result<Reading> read(const Json& output) {
  if (const Json& error = ask::member(output, "error"); error.is_object()) {
    constexpr std::size_t shown = 120;
    return Reading(tl::unexpected(Unread{"the guard could not judge the picture",
                                         excerpt(ask::text_of(ask::member(error, "message")), shown)}));
  }
  Finding out;
  HOLISAFE_TRY(out.flagged, boolean_in(output, "flagged"));
  const Json& scores = ask::member(output, "scores");
  if (!scores.is_object()) return fail(wrong_field("scores", "an object of the 20 classes", scores));
  auto& classes = out.classes.emplace();
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const std::string_view name = taxonomy::classes()[i].name;
    HOLISAFE_TRY(classes[i], probability_in(scores, name, fmt::format("scores.{}", name)));
  }
  out.score = 1 - classes[0];
  return Reading(std::move(out));
}

}  // namespace

const GuardFormat& holisafe() {
  static const GuardFormat format{.name = "holisafe",
                                  .title = "what `guard --json` prints",
                                  .image_field = "path",
                                  .image_ends_path = true,
                                  .output_field = "",
                                  .read = read};
  return format;
}

}  // namespace holisafe::guard_formats
