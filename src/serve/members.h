// Members of an object of a request: each read once as what it must be; null counts as left out.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "serve/request.h"

namespace holisafe::serve {

/// `path` itself, or one of its members, for `param`. Long names are cut.
std::string member_path(std::string_view path, std::string_view name);
std::string element_path(std::string_view path, std::size_t index);

/// "a text", "a list", … for messages.
std::string_view kind_of(const Json& value);
/// invalid_type at `param` (none where it is empty).
tl::unexpected<Fault> wrong_type(std::string param, std::string_view expected, const Json& found);

/// A view of an object; it must outlive this.
class Members {
 public:
  /// Faults: invalid_type (`value` is no object). `path`: where it stands, empty for the whole request.
  static Answer<Members> of(const Json& value, std::string path);

  [[nodiscard]] std::string at(std::string_view name) const { return member_path(path_, name); }
  [[nodiscard]] const std::string& path() const { return path_; }

  /// Null where it is left out or null.
  [[nodiscard]] const Json* find(std::string_view name) const;
  /// The same; faults: missing_required_parameter.
  [[nodiscard]] Answer<const Json*> required(std::string_view name) const;

  /// Of these kinds, or left out; faults: invalid_type.
  [[nodiscard]] Answer<const std::string*> text(std::string_view name) const;
  [[nodiscard]] Answer<std::optional<bool>> flag(std::string_view name) const;
  [[nodiscard]] Answer<std::optional<double>> number(std::string_view name) const;
  [[nodiscard]] Answer<std::optional<Members>> object(std::string_view name) const;
  [[nodiscard]] Answer<const Json*> list(std::string_view name) const;
  /// A text; faults: missing_required_parameter, invalid_type.
  [[nodiscard]] Answer<const std::string*> required_text(std::string_view name) const;

  /// The first member that is not null and none of these.
  [[nodiscard]] std::optional<std::string> unknown(std::initializer_list<std::string_view> names) const;
  /// All members that are not null.
  template <class Use>
  void each(Use use) const {
    for (const auto& [name, value] : members_->template get_ref<const Json::object_t&>()) {
      if (!value.is_null()) use(name, value);
    }
  }

 private:
  Members(const Json& members, std::string path) : members_(&members), path_(std::move(path)) {}

  const Json* members_;
  std::string path_;
};

/// unsupported_content for the first member that is not null and none of these.
Answer<void> only_content(const Members& members, std::initializer_list<std::string_view> names);
/// unsupported_parameter for it.
Answer<void> only_parameters(const Members& members, std::initializer_list<std::string_view> names);

}  // namespace holisafe::serve
