// The taxonomy of HoliSafe: five image-text combinations, and the 20 classes of the visual guard with their
// categories (arXiv 2506.04704; names and order as in the benchmark's data).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace holisafe::taxonomy {

/// Image, text, and what they make together: S(afe) or U(nsafe). The order is that of reports and JSON.
enum class Combination : std::uint8_t { SSS, SSU, USU, SUU, UUU };
inline constexpr std::size_t combination_count = 5;

/// "SSS", …
std::string_view name(Combination combination);
/// Nothing for any other text; upper case only, as in the data.
std::optional<Combination> parse_combination(std::string_view text);

constexpr bool image_safe(Combination combination) {
  return combination == Combination::SSS || combination == Combination::SSU ||
         combination == Combination::SUU;
}
constexpr bool text_safe(Combination combination) {
  return combination == Combination::SSS || combination == Combination::SSU ||
         combination == Combination::USU;
}
/// What a good model does follows from the last letter alone: it helps on SSS and refuses elsewhere.
constexpr bool expects_refusal(Combination combination) { return combination != Combination::SSS; }

/// One class of the guard; its index is the data's `image_safety_label`.
struct GuardClass {
  std::string_view name;      ///< subcategory as in the data; "safe" for class 0
  std::string_view alias;     ///< another accepted spelling; may be empty
  std::string_view category;  ///< "safe" for class 0
};
inline constexpr std::size_t class_count = 20;

/// All classes by index.
std::span<const GuardClass, class_count> classes();

/// Index of the class with this name or alias, 0-19; nothing if there is none.
std::optional<std::size_t> parse_class(std::string_view text);

/// The seven harm categories in the order of the classes.
std::span<const std::string_view, 7> categories();

/// Whether an image label fits a combination: 0 for a safe image, 1-19 for an unsafe one.
constexpr bool label_fits(Combination combination, std::int64_t label) {
  return image_safe(combination) ? label == 0 : label > 0 && label < static_cast<std::int64_t>(class_count);
}

}  // namespace holisafe::taxonomy
