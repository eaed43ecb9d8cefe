// Tables of pictures: metadata.jsonl or metadata.csv in a folder, or a table that was named itself.
#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "base/nearest.h"
#include "base/text.h"
#include "construction/build_sources.h"
#include "dataset/field_rows.h"

namespace holisafe::construction {
namespace {

namespace fs = std::filesystem;
using dataset::FieldRows;
using dataset::FieldValue;

constexpr std::array<std::string_view, 2> metadata_names{"metadata.jsonl", "metadata.csv"};

enum Field : std::size_t {
  file_name_field,
  image_field,
  label_field,
  subcategory_field,
  license_field,
  origin_field
};
constexpr std::array<const char*, 6> field_names{"file_name",   "image",   "label",
                                                 "subcategory", "license", "origin"};

/// Nothing of what is absent, null or empty. Errors: wrong_type.
Result<std::optional<std::string>> text_of(const FieldRows& rows, Field field) {
  const FieldValue& value = rows.value(field);
  switch (value.kind) {
    case FieldValue::Kind::absent:
    case FieldValue::Kind::null:
      return std::optional<std::string>();
    case FieldValue::Kind::text:
    case FieldValue::Kind::cell:
    case FieldValue::Kind::integer:
      return value.text.empty() ? std::optional<std::string>() : std::optional(value.text);
    case FieldValue::Kind::one_text:
    case FieldValue::Kind::other:
      break;
  }
  return fail(ErrorKind::wrong_type, "invalid row", rows.where(field_names[field]),
              fmt::format("expected a string, found {}", value.found));
}

/// A class by its name or index.
std::optional<std::size_t> class_named(const std::string& text) {
  if (const auto named = taxonomy::parse_class(text)) return named;
  std::size_t index = taxonomy::class_count;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (code != std::errc() || end != text.data() + text.size() || index >= taxonomy::class_count)
    return std::nullopt;
  return index;
}

Error unknown_class(const FieldRows& rows, Field field, const std::string& found) {
  std::vector<std::string> names;
  for (const auto& each : taxonomy::classes()) names.emplace_back(each.name);
  const auto near = nearest(found, names);
  return {ErrorKind::unexpected, "unknown class", rows.where(field_names[field]),
          fmt::format("expected {}, found \"{}\"{}",
                      field == label_field ? "one of the 20 classes by name or index"
                                           : "one of the 19 harm classes by name or index",
                      excerpt(found, 100), near.empty() ? "" : fmt::format(" (nearest: {})", near.front()))};
}

/// At least `least`: 1 where `safe` is none. Errors: unexpected.
Result<std::optional<std::size_t>> class_of(const FieldRows& rows, Field field, std::size_t least) {
  HOLISAFE_TRY(const auto text, text_of(rows, field));
  if (!text) return std::optional<std::size_t>();
  const auto found = class_named(*text);
  if (!found || *found < least) return fail(unknown_class(rows, field, *text));
  return found;
}

Result<NamedPicture> picture_of(const FieldRows& rows, const PictureFolder& folder) {
  NamedPicture out;
  const Field named =
      rows.value(file_name_field).kind == FieldValue::Kind::absent ? image_field : file_name_field;
  HOLISAFE_TRY(const auto path, text_of(rows, named));
  if (!path) {
    return fail(ErrorKind::missing, "row without a file", rows.where("file_name"),
                fmt::format("expected file_name or image, found {}",
                            rows.field_names().empty() ? "nothing" : rows.field_names()));
  }
  out.path = *path;
  HOLISAFE_TRY(out.file, folder.file(*path, rows.where(field_names[named])));
  HOLISAFE_TRY(out.label, class_of(rows, label_field, 0));
  HOLISAFE_TRY(out.subcategory, class_of(rows, subcategory_field, 1));
  HOLISAFE_TRY(const auto license, text_of(rows, license_field));
  HOLISAFE_TRY(const auto origin, text_of(rows, origin_field));
  out.license = as_utf8(license.value_or(""));
  out.origin = as_utf8(origin.value_or(""));
  out.where = rows.where("label");
  return out;
}

}  // namespace

Result<std::optional<std::string>> metadata_of(const std::string& folder) {
  std::optional<std::string> out;
  for (const std::string_view name : metadata_names) {
    std::error_code code;
    const fs::path file = fs::path(folder) / name;
    if (!fs::exists(file, code)) continue;
    if (out) {
      return fail(ErrorKind::unexpected, "two tables of metadata", folder,
                  fmt::format("expected {} or {}, found both", metadata_names[0], metadata_names[1]));
    }
    out = file.string();
  }
  return out;
}

Result<void> read_table(const std::string& table, const OnPicture& visit) {
  HOLISAFE_TRY(const PictureFolder folder, PictureFolder::open(fs::path(table).parent_path()));
  HOLISAFE_TRY(InputFile file, InputFile::open(table));
  HOLISAFE_TRY(FieldRows rows, FieldRows::open(std::move(file), {field_names.begin(), field_names.end()}));
  std::uint64_t count = 0;
  while (true) {
    HOLISAFE_TRY(const bool found, rows.next());
    if (!found) break;
    HOLISAFE_TRY(const NamedPicture picture, picture_of(rows, folder));
    HOLISAFE_CHECK(visit(picture));
    ++count;
  }
  if (count > 0) return {};
  return fail(ErrorKind::missing, "no rows in table", table, "expected a row for each picture");
}

}  // namespace holisafe::construction
