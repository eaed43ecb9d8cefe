#include <array>

#include "construction/work.h"

namespace holisafe::construction {
namespace {

constexpr std::array<std::string_view, 8> image_states{"kept",      "undecodable",    "too_small",
                                                       "duplicate", "near_duplicate", "unlabelled",
                                                       "disputed",  "quarantined"};
constexpr std::array<std::string_view, 7> pair_states{"planned", "ready",    "declined", "mismatch",
                                                      "leaks",   "filtered", "failed"};
constexpr std::array<std::string_view, 3> sides{"", "train", "bench"};
constexpr std::array<std::string_view, 5> steps{"label", "write", "check", "text_check", "answer"};

/// The value whose name stands at that place.
template <typename Value, std::size_t count>
std::optional<Value> value_named(const std::array<std::string_view, count>& names, std::string_view text) {
  for (std::size_t at = 0; at < count; ++at) {
    if (names[at] == text) return static_cast<Value>(at);
  }
  return std::nullopt;
}

}  // namespace

std::string_view name(ImageState state) { return image_states[static_cast<std::size_t>(state)]; }
std::optional<ImageState> parse_image_state(std::string_view text) {
  return value_named<ImageState>(image_states, text);
}

std::string_view name(PairState state) { return pair_states[static_cast<std::size_t>(state)]; }
std::optional<PairState> parse_pair_state(std::string_view text) {
  return value_named<PairState>(pair_states, text);
}

std::string_view name(Side side) { return sides[static_cast<std::size_t>(side)]; }
std::optional<Side> parse_side(std::string_view text) { return value_named<Side>(sides, text); }

std::string_view name(Step step) { return steps[static_cast<std::size_t>(step)]; }
std::optional<Step> parse_step(std::string_view text) { return value_named<Step>(steps, text); }

}  // namespace holisafe::construction
