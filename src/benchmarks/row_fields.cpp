#include "benchmarks/row_fields.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "benchmarks/letters.h"
#include "benchmarks/python_list.h"
#include "dataset/row_elements.h"

namespace holisafe::benchmarks {
namespace {

namespace dom = simdjson::dom;

/// Fewer digits than the largest integer has.
constexpr std::size_t most_digits = 18;

bool is_integer(std::string_view text) {
  return !text.empty() && text.size() <= most_digits && (text == "0" || text.front() != '0') &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string_view id_field(RowReading& reading, std::string_view field) {
  return !reading.is_asked() && !reading.value(field) ? "id" : field;
}

}  // namespace

void take_integer_id(RowReading& reading, std::string_view field) {
  field = id_field(reading, field);
  std::string_view text;
  const auto found = reading.value(field);
  if (!found || found->get(text) != simdjson::SUCCESS || !is_integer(text)) return reading.take_id(field);
  reading.row().id = text;
  reading.take_own_id(field);
}

void take_text_id(RowReading& reading, std::string_view field) { reading.take_id(id_field(reading, field)); }

std::string asked_text(RowReading& reading, std::string_view field) {
  const auto found = reading.is_asked() ? reading.text(field) : reading.optional_text(field);
  return std::string(found.value_or(""));
}

std::optional<std::string> image_in(RowReading& reading, std::string_view field, bool needed) {
  if (auto name = reading.picture(field)) return name;
  const auto path = reading.is_asked() && needed ? reading.text(field) : reading.optional_text(field);
  if (!path) return std::nullopt;
  if (reading.is_asked()) reading.take_image(field, *path);
  return std::string(*path);
}

Result<std::vector<std::string>> read_options(dom::element value) {
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) {
    auto read = read_python_list(text);
    if (read) return read;
    const Error& error = read.error();
    return fail(error.kind, "", "", fmt::format("{}: {}: {}", error.what, error.where, error.detail));
  }
  dom::array list;
  std::vector<std::string> out;
  if (value.get(list) == simdjson::SUCCESS) {
    for (const dom::element each : list) {
      if (each.get(text) != simdjson::SUCCESS)
        return fail(ErrorKind::wrong_type, "", "",
                    fmt::format("expected a list of strings, found {} in it", dataset::kind_of(each)));
      out.emplace_back(text);
    }
    return out;
  }
  return fail(ErrorKind::wrong_type, "", "",
              fmt::format("expected a list of strings, found {}", dataset::kind_of(value)));
}

std::vector<std::string> take_options(RowReading& reading, std::string_view field) {
  const auto value = reading.value(field);
  if (!value) {
    reading.problem(field, ErrorKind::missing, "expected a list of strings, found nothing");
    return {};
  }
  auto options = read_options(*value);
  if (!options) {
    reading.problem(field, options.error().kind, options.error().detail);
    return {};
  }
  if (options->empty() || options->size() > most_options) {
    reading.problem(field, ErrorKind::out_of_range,
                    fmt::format("expected 1 to {} choices, found {}", most_options, options->size()));
  }
  return *std::move(options);
}

std::string take_answer(RowReading& reading, std::string_view field, std::size_t options) {
  const auto found = reading.text(field);
  if (!found) return {};
  const auto answer = strip(*found);
  const std::size_t letters = options == 0 ? most_options : options;
  const char lower = answer.size() == 1 ? ascii_lower(answer.front()) : '\0';
  if (lower >= 'a' && lower < static_cast<char>('a' + letters))
    return letter(static_cast<std::size_t>(lower - 'a'));
  reading.problem(field, ErrorKind::out_of_range,
                  fmt::format("expected a letter from A to {}, found \"{}\"", letter(letters - 1), *found));
  return {};
}

std::vector<std::string> options_of(std::string_view json, std::string_view field) {
  dom::parser parser;
  dom::object row;
  dom::element value;
  if (parser.parse(json).get(row) != simdjson::SUCCESS || row[field].get(value) != simdjson::SUCCESS)
    return {};
  return read_options(value).value_or(std::vector<std::string>());
}

}  // namespace holisafe::benchmarks
