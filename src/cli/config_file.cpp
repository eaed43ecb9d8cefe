#include "cli/config_file.h"

#include <optional>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include "base/file.h"
#include "cli/program.h"

namespace holisafe::cli {
namespace {

/// A scalar as it would stand on the command line; nothing for other kinds.
std::optional<std::string> text_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return fmt::format("{}", number->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  if (const auto* flag = node.as_boolean()) return std::string(flag->get() ? "true" : "false");
  return std::nullopt;
}

std::vector<std::string> flag_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const auto& name : option->get_lnames()) {
      if (name != "help" && name != "config") names.push_back(name);
    }
  }
  return names;
}

class Applying {
 public:
  Applying(CLI::App& command, const std::string& path) : command_(command), path_(path) {}

  Result<void> apply(std::string_view key, const toml::node& node) {
    const auto names = flag_names(command_);
    if (std::find(names.begin(), names.end(), key) == names.end()) {
      const auto near = nearest(std::string(key), names);
      return problem(key, node,
                     near.empty() ? "no such flag"
                                  : fmt::format("no such flag; did you mean {}?", fmt::join(near, ", ")));
    }
    CLI::Option* option = command_.get_option("--" + std::string(key));
    if (given(*option)) return {};
    std::vector<const toml::node*> values{&node};
    if (const auto* list = node.as_array()) {
      values.clear();
      for (const auto& value : *list) values.push_back(&value);
    }
    for (const toml::node* value : values) {
      const auto text = text_of(*value);
      if (!text) return problem(key, *value, "expected a string, a number, a boolean or a list of them");
      const bool is_flag = option->get_items_expected_max() == 0;
      if (is_flag && !value->is_boolean()) return problem(key, *value, "expected true or false");
      option->add_result(is_flag ? option->get_flag_value("--" + std::string(key), *text) : *text);
    }
    try {
      if (!values.empty()) option->run_callback();
    } catch (const CLI::ParseError& error) {
      return problem(key, node, error.what());
    }
    return {};
  }

 private:
  /// Whether the command line had it; a key that stands twice in two spellings counts too.
  static bool given(const CLI::Option& option) { return option.count() > 0; }

  [[nodiscard]] tl::unexpected<Error> problem(std::string_view key, const toml::node& node,
                                              std::string detail) const {
    const auto at = node.source().begin;
    return fail(ErrorKind::usage, "bad config", fmt::format("{}: line {}: {}", path_, at.line, key),
                std::move(detail));
  }

  CLI::App& command_;
  const std::string& path_;
};

}  // namespace

Result<void> apply_config(CLI::App& command, const std::string& path) {
  HOLISAFE_TRY(const std::string text, read_file(path, std::uint64_t{1} << 20));
  toml::table table;
  try {
    table = toml::parse(std::string_view(text), path);
  } catch (const toml::parse_error& error) {
    const auto at = error.source().begin;
    return fail(ErrorKind::malformed, "bad config",
                fmt::format("{}: line {}, column {}", path, at.line, at.column),
                std::string(error.description()));
  }
  Applying applying(command, path);
  for (const auto& [key, node] : table) HOLISAFE_CHECK(applying.apply(key.str(), node));
  return {};
}

}  // namespace holisafe::cli
