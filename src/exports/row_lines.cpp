#include "exports/row_lines.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace holisafe::exports {
namespace {

using Json = nlohmann::ordered_json;

std::string csv_head(const RowLayout& layout) {
  std::vector<Cell> cells = {"run", "id", "image"};
  cells.insert(cells.end(), layout.groups.begin(), layout.groups.end());
  for (const char* name : {"query", "prediction", "state", "guard_label", "guard_unsafe"})
    cells.emplace_back(name);
  for (const std::string& judge : layout.judges) cells.emplace_back("judge:" + judge);
  return csv_line(cells, layout.reader);
}

std::string csv_row(const RowLayout& layout, const ExportedRow& row) {
  std::vector<Cell> cells = {row.run, row.id, row.image};
  for (const auto& group : row.groups) cells.push_back(cell(group));
  cells.emplace_back(row.query);
  cells.push_back(cell(row.prediction));
  cells.emplace_back(row.state);
  cells.push_back(cell(row.guard_label));
  cells.push_back(cell(row.guard_unsafe));
  for (const auto& mark : row.marks) cells.push_back(cell(mark));
  return csv_line(cells, layout.reader);
}

template <class T>
Json json(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

/// A number where the data have one.
Json id_json(const ExportedRow& row) {
  std::int64_t number = 0;
  const char* end = row.id.data() + row.id.size();
  const auto read = std::from_chars(row.id.data(), end, number);
  if (row.id_is_string || read.ec != std::errc() || read.ptr != end) return row.id;
  return number;
}

/// One line also for those who take U+2028 and U+2029 for ends of lines, or a terminal's word for it.
std::string one_json_line(const Json& row) {
  const std::string text = visible_json(row.dump(-1, ' ', false, Json::error_handler_t::replace));
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view three = std::string_view(text).substr(i, 3);
    if (three == "\xe2\x80\xa8" || three == "\xe2\x80\xa9") {
      out += three.back() == '\xa8' ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out + "\n";
}

std::string json_head(const RowLayout& /*layout*/) { return {}; }

std::string json_row(const RowLayout& layout, const ExportedRow& row) {
  Json out = {{"run", row.run}, {"id", id_json(row)}, {"image", row.image}};
  for (std::size_t i = 0; i < layout.groups.size(); ++i) out[layout.groups[i]] = json(row.groups[i]);
  out["query"] = row.query;
  out["prediction"] = json(row.prediction);
  out["state"] = row.state;
  out["guard_label"] = json(row.guard_label);
  out["guard_unsafe"] = json(row.guard_unsafe);
  Json judgements = Json::object();
  for (std::size_t i = 0; i < layout.judges.size(); ++i) judgements[layout.judges[i]] = json(row.marks[i]);
  out["judgements"] = std::move(judgements);
  return one_json_line(out);
}

}  // namespace

const RowFormat csv_rows = {csv_head, csv_row};
const RowFormat json_rows = {json_head, json_row};

}  // namespace holisafe::exports
