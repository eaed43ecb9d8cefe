// holisafe-policy/1: a closed list of tables and keys, so that a misspelt one is an error and no milder
// policy.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include "base/file.h"
#include "base/nearest.h"
#include "policy/policy.h"

namespace holisafe::policy {
namespace {

constexpr std::string_view what = "cannot read policy";
constexpr std::uint64_t most_bytes = std::uint64_t{1} << 20;

/// What a table says of a class; what it leaves out comes from the next wider table.
struct Rule {
  std::optional<Action> action;
  std::optional<double> threshold;
};

std::string_view kind_of(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a text";
    case toml::node_type::integer:
    case toml::node_type::floating_point:
      return "a number";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

/// Reads one file; errors name it and the key.
class Reader {
 public:
  explicit Reader(const std::string& file) : file_(file) {}

  Result<Policy> policy(const toml::table& file) {
    // Of another format the keys are another's too.
    HOLISAFE_TRY(const auto format, text(file, "", "format"));
    if (!format) return missing("format", "\"holisafe-policy/1\"");
    if (*format != "holisafe-policy/1")
      return problem(ErrorKind::unsupported, "format",
                     fmt::format("expected \"holisafe-policy/1\", found \"{}\"", excerpt(*format, 80)));
    HOLISAFE_CHECK(known(file, "",
                         {"format", "name", "version", "unsafe_threshold", "default", "categories", "classes",
                          "refusal", "warning", "failure"}));
    Policy out;
    HOLISAFE_TRY(auto name, text(file, "", "name"));
    out.name = name ? *std::move(name) : std::filesystem::path(file_).stem().string();
    HOLISAFE_TRY(auto version, text(file, "", "version"));
    if (!version || version->empty()) return missing("version", "a text that names this state of the policy");
    out.version = *std::move(version);
    HOLISAFE_TRY(const auto unsafe, share(file, "", "unsafe_threshold"));
    out.unsafe_threshold = unsafe.value_or(out.unsafe_threshold);
    HOLISAFE_CHECK(class_rules(file, out));
    HOLISAFE_CHECK(texts(file, out));
    HOLISAFE_CHECK(failure(file, out));
    return out;
  }

 private:
  using Names = std::vector<std::string>;

  [[nodiscard]] tl::unexpected<Error> problem(ErrorKind kind, std::string_view key,
                                              std::string detail) const {
    return fail(kind, std::string(what), fmt::format("{}: {}", file_, key), std::move(detail));
  }
  [[nodiscard]] tl::unexpected<Error> missing(std::string_view key, std::string_view expected) const {
    return problem(ErrorKind::missing, key, fmt::format("expected {}, found none", expected));
  }
  [[nodiscard]] tl::unexpected<Error> wrong(std::string_view key, std::string_view expected,
                                            const toml::node& found) const {
    return problem(ErrorKind::wrong_type, key,
                   fmt::format("expected {}, found {}", expected, kind_of(found)));
  }
  [[nodiscard]] tl::unexpected<Error> unknown(ErrorKind kind, const std::string& key,
                                              std::string_view expected, std::string_view found,
                                              const Names& names) const {
    constexpr std::size_t shown = 64;  // of a word that is no name; a longer one is near to none
    const auto near = found.size() > shown ? Names() : nearest(found, names);
    return problem(kind, key,
                   near.empty()
                       ? fmt::format("expected {}: {}", expected, fmt::join(names, ", "))
                       : fmt::format("no such {}; did you mean {}?", expected, fmt::join(near, ", ")));
  }

  static std::string below(std::string_view table, std::string_view key) {
    constexpr std::size_t shown = 64;
    const std::string name = excerpt(key, shown);
    return table.empty() ? name : fmt::format("{}.{}", table, name);
  }

  [[nodiscard]] Result<void> known(const toml::table& table, std::string_view path, const Names& names,
                                   std::string_view expected = "key") const {
    for (const auto& [key, node] : table) {
      if (std::find(names.begin(), names.end(), key.str()) == names.end())
        return unknown(ErrorKind::unexpected, below(path, key.str()), expected, key.str(), names);
    }
    return {};
  }

  [[nodiscard]] Result<std::optional<std::string>> text(const toml::table& table, std::string_view path,
                                                        std::string_view key) const {
    const toml::node* node = table.get(key);
    if (node == nullptr) return std::optional<std::string>();
    const auto* found = node->as_string();
    if (found == nullptr) return wrong(below(path, key), "a text", *node);
    return std::optional<std::string>(found->get());
  }

  /// A number from 0 to 1.
  [[nodiscard]] Result<std::optional<double>> share(const toml::table& table, std::string_view path,
                                                    std::string_view key) const {
    const toml::node* node = table.get(key);
    if (node == nullptr) return std::optional<double>();
    double out = 0;
    if (const auto* whole = node->as_integer()) {
      out = static_cast<double>(whole->get());
    } else if (const auto* number = node->as_floating_point()) {
      out = number->get();
    } else {
      return wrong(below(path, key), "a number from 0 to 1", *node);
    }
    if (!(out >= 0 && out <= 1))
      return problem(ErrorKind::out_of_range, below(path, key),
                     fmt::format("expected a number from 0 to 1, found {}", out));
    return std::optional<double>(out);
  }

  [[nodiscard]] Result<std::optional<Action>> action(const toml::table& table, std::string_view path) const {
    HOLISAFE_TRY(const auto word, text(table, path, "action"));
    if (!word) return std::optional<Action>();
    Names names;
    for (const Action each : {Action::allow, Action::warn, Action::review, Action::block}) {
      if (*word == name(each)) return std::optional<Action>(each);
      names.emplace_back(name(each));
    }
    return unknown(ErrorKind::unsupported, below(path, "action"), "action", *word, names);
  }

  /// The table of this key; an empty one where there is none.
  [[nodiscard]] Result<const toml::table*> table_at(const toml::table& file, std::string_view path,
                                                    std::string_view key) const {
    static const toml::table none;
    const toml::node* node = file.get(key);
    if (node == nullptr) return &none;
    const auto* out = node->as_table();
    if (out == nullptr) return wrong(below(path, key), "a table", *node);
    return out;
  }

  [[nodiscard]] Result<Rule> rule(const toml::table& file, std::string_view path,
                                  std::string_view key) const {
    HOLISAFE_TRY(const auto* table, table_at(file, path, key));
    const std::string here = below(path, key);
    HOLISAFE_CHECK(known(*table, here, {"action", "threshold"}));
    Rule out;
    HOLISAFE_TRY(out.action, action(*table, here));
    HOLISAFE_TRY(out.threshold, share(*table, here, "threshold"));
    return out;
  }

  static void apply(const Rule& rule, ClassRule& out) {
    out.action = rule.action.value_or(out.action);
    out.threshold = rule.threshold.value_or(out.threshold);
  }

  /// default, then categories, then classes: the narrower one goes over the wider, field by field.
  [[nodiscard]] Result<void> class_rules(const toml::table& file, Policy& out) const {
    HOLISAFE_TRY(const Rule wide, rule(file, "", "default"));
    for (ClassRule& each : out.classes) apply(wide, each);

    HOLISAFE_TRY(const auto* categories, table_at(file, "", "categories"));
    const Names names(taxonomy::categories().begin(), taxonomy::categories().end());
    HOLISAFE_CHECK(known(*categories, "categories", names, "category"));
    for (const std::string& name : names) {
      HOLISAFE_TRY(const Rule found, rule(*categories, "categories", name));
      for (std::size_t i = 1; i < out.classes.size(); ++i) {
        if (taxonomy::classes()[i].category == name) apply(found, out.classes[i]);
      }
    }
    return narrowest_rules(file, out);
  }

  [[nodiscard]] Result<void> narrowest_rules(const toml::table& file, Policy& out) const {
    HOLISAFE_TRY(const auto* classes, table_at(file, "", "classes"));
    Names names;
    for (const auto& each : taxonomy::classes().subspan(1)) {
      names.emplace_back(each.name);
      if (!each.alias.empty()) names.emplace_back(each.alias);
    }
    HOLISAFE_CHECK(known(*classes, "classes", names, "class"));
    for (std::size_t i = 1; i < out.classes.size(); ++i) {
      const auto& found = taxonomy::classes()[i];
      if (!found.alias.empty() && classes->contains(found.name) && classes->contains(found.alias))
        return problem(ErrorKind::duplicate, below("classes", found.alias),
                       fmt::format("expected one table a class, found {} too", found.name));
      for (const std::string_view name : {found.name, found.alias}) {
        if (name.empty()) continue;
        HOLISAFE_TRY(const Rule own, rule(*classes, "classes", name));
        apply(own, out.classes[i]);
      }
    }
    return {};
  }

  [[nodiscard]] Result<void> texts(const toml::table& file, Policy& out) const {
    HOLISAFE_TRY(const auto* refusal, table_at(file, "", "refusal"));
    HOLISAFE_CHECK(known(*refusal, "refusal", {"text"}));
    HOLISAFE_TRY(auto refused, text(*refusal, "refusal", "text"));
    if (refused && refused->empty())
      return problem(ErrorKind::out_of_range, "refusal.text", "expected words, found an empty text");
    out.refusal = refused ? *std::move(refused) : std::string(default_refusal);
    HOLISAFE_TRY(const auto* warning, table_at(file, "", "warning"));
    HOLISAFE_CHECK(known(*warning, "warning", {"text"}));
    HOLISAFE_TRY(auto warned, text(*warning, "warning", "text"));
    out.warning = warned ? *std::move(warned) : std::string();
    return {};
  }

  [[nodiscard]] Result<void> failure(const toml::table& file, Policy& out) const {
    HOLISAFE_TRY(const auto* table, table_at(file, "", "failure"));
    HOLISAFE_CHECK(known(*table, "failure", {"action"}));
    HOLISAFE_TRY(const auto found, text(*table, "failure", "action"));
    if (found && *found != "allow" && *found != "block")
      return unknown(ErrorKind::unsupported, "failure.action", "action", *found, {"block", "allow"});
    out.fails_open = found == "allow";
    return {};
  }

  const std::string& file_;
};

}  // namespace

Result<Policy> parse(std::string_view text, const std::string& file) {
  toml::table table;
  try {
    table = toml::parse(text);
  } catch (const toml::parse_error& error) {
    const auto at = error.source().begin;
    return fail(ErrorKind::malformed, std::string(what),
                fmt::format("{}: line {}, column {}", file, at.line, at.column),
                std::string(error.description()));
  }
  return Reader(file).policy(table);
}

Result<Policy> read(const std::filesystem::path& file) {
  HOLISAFE_TRY(const std::string text, read_file(file, most_bytes));
  return parse(text, file.string());
}

}  // namespace holisafe::policy
