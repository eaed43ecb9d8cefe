// Any other guard: a row {"image","flagged","score"}, the score where there is one.
#include "guard_formats/formats.h"
#include "guard_formats/output_fields.h"

namespace holisafe::guard_formats {
namespace {

Result<Reading> read(const Json& output) {
  Finding out;
  HOLISAFE_TRY(out.flagged, boolean_in(output, "flagged"));
  HOLISAFE_TRY(out.score, optional_probability_in(output, "score"));
  return Reading(std::move(out));
}

}  // namespace

const GuardFormat& plain() {
  static const GuardFormat format{
      .name = "plain", .title = "any guard that says flagged or not", .output_field = "", .read = read};
  return format;
}

}  // namespace holisafe::guard_formats
