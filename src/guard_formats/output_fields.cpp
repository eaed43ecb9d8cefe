#include "guard_formats/output_fields.h"

#include <fmt/format.h>

namespace holisafe::guard_formats {

std::string_view kind_of(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
    case Json::value_t::discarded:
      return "nothing";
    case Json::value_t::object:
      return "an object";
    case Json::value_t::array:
      return "an array";
    case Json::value_t::string:
    case Json::value_t::binary:
      return "a string";
    case Json::value_t::boolean:
      return "a boolean";
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
    case Json::value_t::number_float:
      return "a number";
  }
  return "nothing";
}

Error wrong_field(std::string_view field, std::string_view expected, const Json& found) {
  const ErrorKind kind = found.is_null() || found.is_discarded() ? ErrorKind::missing : ErrorKind::wrong_type;
  return {kind, "not an answer of this format", std::string(field),
          fmt::format("expected {}, found {}", expected, kind_of(found))};
}

Result<bool> boolean_in(const Json& object, const std::string& field) {
  const Json& value = ask::member(object, field);
  if (!value.is_boolean()) return fail(wrong_field(field, "true or false", value));
  return value.get<bool>();
}

Result<double> probability_in(const Json& object, std::string_view key, const std::string& field) {
  const Json& value = ask::member(object, key);
  if (!value.is_number()) return fail(wrong_field(field, "a number from 0 to 1", value));
  const auto out = value.get<double>();
  if (out >= 0 && out <= 1) return out;
  return fail(ErrorKind::out_of_range, "not an answer of this format", field,
              fmt::format("expected a number from 0 to 1, found {}", out));
}

Result<std::optional<double>> optional_probability_in(const Json& object, const std::string& field) {
  if (ask::member(object, field).is_null()) return std::optional<double>();
  HOLISAFE_TRY(const double out, probability_in(object, field, field));
  return std::optional(out);
}

}  // namespace holisafe::guard_formats
