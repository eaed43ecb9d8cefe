#include "serve/members.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"

namespace holisafe::serve {

std::string member_path(std::string_view path, std::string_view name) {
  constexpr std::size_t shown = 64;
  const std::string last = excerpt(name, shown);
  return path.empty() ? last : fmt::format("{}.{}", path, last);
}

std::string element_path(std::string_view path, std::size_t index) {
  return fmt::format("{}[{}]", path, index);
}

std::string_view kind_of(const Json& value) {
  switch (value.type()) {
    case Json::value_t::object:
      return "an object";
    case Json::value_t::array:
      return "a list";
    case Json::value_t::string:
      return "a text";
    case Json::value_t::boolean:
      return "true or false";
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
      return "an integer";
    case Json::value_t::number_float:
      return "a number";
    default:
      return "null";
  }
}

tl::unexpected<Fault> wrong_type(std::string param, std::string_view expected, const Json& found) {
  std::string message = fmt::format("expected {}, found {}", expected, kind_of(found));
  if (param.empty()) return refuse(Code::invalid_type, std::move(message));
  return refuse(Code::invalid_type, fmt::format("{}: {}", param, message), param);
}

Answer<Members> Members::of(const Json& value, std::string path) {
  if (!value.is_object()) return wrong_type(std::move(path), "an object", value);
  return Members(value, std::move(path));
}

const Json* Members::find(std::string_view name) const {
  const auto& members = members_->get_ref<const Json::object_t&>();
  const auto found =
      std::find_if(members.begin(), members.end(), [&](const auto& each) { return each.first == name; });
  return found == members.end() || found->second.is_null() ? nullptr : &found->second;
}

Answer<const Json*> Members::required(std::string_view name) const {
  const Json* out = find(name);
  if (out == nullptr)
    return refuse(Code::missing_required_parameter, fmt::format("{}: expected, but left out", at(name)),
                  at(name));
  return out;
}

Answer<const std::string*> Members::text(std::string_view name) const {
  const Json* found = find(name);
  if (found == nullptr) return nullptr;
  if (!found->is_string()) return wrong_type(at(name), "a text", *found);
  return &found->get_ref<const std::string&>();
}

Answer<std::optional<bool>> Members::flag(std::string_view name) const {
  const Json* found = find(name);
  if (found == nullptr) return std::optional<bool>();
  if (!found->is_boolean()) return wrong_type(at(name), "true or false", *found);
  return std::optional(found->get<bool>());
}

Answer<std::optional<double>> Members::number(std::string_view name) const {
  const Json* found = find(name);
  if (found == nullptr) return std::optional<double>();
  if (!found->is_number()) return wrong_type(at(name), "a number", *found);
  return std::optional(found->get<double>());
}

Answer<std::optional<Members>> Members::object(std::string_view name) const {
  const Json* found = find(name);
  if (found == nullptr) return std::optional<Members>();
  HOLISAFE_TRY(auto out, of(*found, at(name)));
  return std::optional(std::move(out));
}

Answer<const Json*> Members::list(std::string_view name) const {
  const Json* found = find(name);
  if (found != nullptr && !found->is_array()) return wrong_type(at(name), "a list", *found);
  return found;
}

Answer<const std::string*> Members::required_text(std::string_view name) const {
  HOLISAFE_CHECK(required(name));
  return text(name);
}

std::optional<std::string> Members::unknown(std::initializer_list<std::string_view> names) const {
  std::optional<std::string> out;
  each([&](const std::string& name, const Json&) {
    if (!out && std::find(names.begin(), names.end(), name) == names.end()) out = name;
  });
  return out;
}

namespace {

Answer<void> only(Code code, const Members& members, std::initializer_list<std::string_view> names) {
  const auto unknown = members.unknown(names);
  if (!unknown) return {};
  const std::string param = members.at(*unknown);
  return refuse(code, fmt::format("{}: not supported here; known are {}", param, fmt::join(names, ", ")),
                param);
}

}  // namespace

Answer<void> only_content(const Members& members, std::initializer_list<std::string_view> names) {
  return only(Code::unsupported_content, members, names);
}

Answer<void> only_parameters(const Members& members, std::initializer_list<std::string_view> names) {
  return only(Code::unsupported_parameter, members, names);
}

}  // namespace holisafe::serve
