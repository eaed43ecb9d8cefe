#include "taxonomy/taxonomy.h"

#include <array>

namespace holisafe::taxonomy {
namespace {

constexpr std::array<std::string_view, combination_count> combination_names = {"SSS", "SSU", "USU", "SUU",
                                                                               "UUU"};

constexpr std::array<GuardClass, class_count> class_table = {{
    {"safe", "", "safe"},
    {"gender", "gender_discrimination", "hate"},
    {"race", "race_discrimination", "hate"},
    {"religion", "religion_discrimination", "hate"},
    {"harassment", "", "hate"},
    {"disability_discrimination", "", "hate"},
    {"drug_related_hazards", "", "illegal_activity"},
    {"property_crime", "", "illegal_activity"},
    {"facial_data_exposure", "", "privacy"},
    {"identity_data_exposure", "", "privacy"},
    {"physical_self_injury", "", "self_harm"},
    {"suicide", "", "self_harm"},
    {"animal_abuse", "", "violence"},
    {"obscene_gestures", "", "violence"},
    {"physical_altercation", "", "violence"},
    {"terrorism", "", "violence"},
    {"weapon_related_violence", "", "violence"},
    {"sexual_content", "", "sexual_content"},
    {"financial_advice", "", "specialized_advice"},
    {"medical_advice", "", "specialized_advice"},
}};

constexpr std::array<std::string_view, 7> category_names = {
    "hate", "illegal_activity", "privacy", "self_harm", "violence", "sexual_content", "specialized_advice"};

}  // namespace

std::string_view name(Combination combination) {
  return combination_names[static_cast<std::size_t>(combination)];
}

std::optional<Combination> parse_combination(std::string_view text) {
  for (std::size_t i = 0; i < combination_names.size(); ++i) {
    if (text == combination_names[i]) return static_cast<Combination>(i);
  }
  return std::nullopt;
}

std::span<const GuardClass, class_count> classes() { return class_table; }

std::optional<std::size_t> parse_class(std::string_view text) {
  for (std::size_t i = 0; i < class_table.size(); ++i) {
    if (text == class_table[i].name || (!text.empty() && text == class_table[i].alias)) return i;
  }
  return std::nullopt;
}

std::span<const std::string_view, 7> categories() { return category_names; }

}  // namespace holisafe::taxonomy
