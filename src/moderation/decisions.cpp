#include "moderation/decisions.h"

#include <nlohmann/json.hpp>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "dataset/row_stream.h"
#include "moderation/json_path.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::moderation {
namespace {

using Json = nlohmann::json;

constexpr std::size_t rows_at_once = 256;
constexpr std::size_t hex_digits = 64;

bool is_sha256(std::string_view text) {
  return text.size() == hex_digits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// A class by name or number; an error's detail otherwise.
tl::expected<std::size_t, std::string> class_of(const Json& label) {
  constexpr const char* expected = "expected a class's name, 0 to 19, or null";
  if (label.is_string()) {
    const auto& name = label.get_ref<const std::string&>();
    if (const auto found = taxonomy::parse_class(name)) return *found;
    return tl::unexpected(fmt::format("{}, found \"{}\"", expected, excerpt(name, 60)));
  }
  if (label.is_number_unsigned() && label.get<std::uint64_t>() < taxonomy::class_count)
    return label.get<std::size_t>();
  return tl::unexpected(fmt::format("{}, found {}", expected, excerpt(label.dump(), 60)));
}

std::string shown(const std::optional<std::size_t>& label) {
  return label ? std::string(taxonomy::classes()[*label].name) : "null";
}

}  // namespace

tl::unexpected<Error> Decisions::wrong(std::size_t row, ErrorKind kind, const char* field,
                                       std::string detail) const {
  return fail(kind, "invalid decision", fmt::format("{}: row {}: {}", file_.string(), row, field),
              std::move(detail));
}

Result<void> Decisions::insert(std::unordered_map<std::string, Decision>& to, std::string key,
                               Decision decision) {
  const auto [place, is_new] = to.try_emplace(std::move(key), decision);
  const Decision& earlier = place->second;
  if (is_new || earlier.label == decision.label) return {};
  return wrong(decision.row, ErrorKind::mismatch, "label",
               fmt::format("expected {} as in row {} on the same picture, found {}", shown(earlier.label),
                           earlier.row, shown(decision.label)));
}

Result<void> Decisions::add(std::string_view row, std::size_t number) {
  const Json json = Json::parse(row, nullptr, false);
  if (json.is_discarded())
    return wrong(number, ErrorKind::malformed, "number", "expected one that can be held");
  if (!json.contains("label"))
    return wrong(number, ErrorKind::missing, "label", "expected a class's name or number, or null");
  Decision decision{std::nullopt, number};
  if (!json["label"].is_null()) {
    const auto label = class_of(json["label"]);
    if (!label) return wrong(number, ErrorKind::out_of_range, "label", label.error());
    decision.label = *label;
  }
  if (json.contains("sha256")) {
    const Json& digest = json["sha256"];
    const std::string text = digest.is_string() ? ascii_lower(digest.get_ref<const std::string&>()) : "";
    if (!is_sha256(text))
      return wrong(number, ErrorKind::malformed, "sha256", "expected 64 hexadecimal digits");
    return insert(by_content_, text, decision);
  }
  auto path = path_in(json, "path");
  if (!path) return wrong(number, path.error().kind, "path", path.error().detail);
  return insert(by_path_, *std::move(path), decision);
}

Result<Decisions> Decisions::read(const std::filesystem::path& file) {
  HOLISAFE_TRY(dataset::RowStream stream, dataset::RowStream::open(file));
  Decisions out(file);
  std::size_t before = 0;
  while (true) {
    HOLISAFE_TRY(const auto rows, stream.next_rows(rows_at_once));
    if (!rows) return out;
    const auto texts = rows->row_texts();
    HOLISAFE_CHECK(rows->for_each([&](const dataset::Row& row) -> Result<void> {
      const std::size_t number = before + row.index + 1;
      for (const auto& problem : row.problems) {
        if (problem.error.kind == ErrorKind::duplicate)
          return out.wrong(number, problem.error.kind, std::string(problem.field).c_str(),
                           problem.error.detail);
      }
      return out.add(texts[row.index], number);
    }));
    before += texts.size();
  }
}

Result<void> Decisions::settle(const std::string& path, const Digest& content) {
  const auto found = by_path_.find(path);
  if (found == by_path_.end()) return {};
  const Decision decision = found->second;
  by_path_.erase(found);
  return insert(by_content_, hex(content), decision);
}

const Decision* Decisions::on(const Digest& content) const {
  if (by_content_.empty()) return nullptr;
  const auto found = by_content_.find(hex(content));
  return found == by_content_.end() ? nullptr : &found->second;
}

}  // namespace holisafe::moderation
