#include "dataset/rows.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include <fmt/format.h>
#include <simdjson.h>

#include "base/escapes.h"
#include "dataset/json_fault.h"
#include "dataset/row_elements.h"
#include "dataset/row_stream.h"
#include "dataset/row_text.h"

namespace holisafe::dataset {

namespace dom = simdjson::dom;

struct RowFile::Content {
  std::string name;
  std::string text;
  std::optional<Digest> original;  // of the file, where the text is another
  dom::parser parser;              // owns what `rows` points into
  dom::array rows;
};

std::string_view kind_of(dom::element value) {
  switch (value.type()) {
    case dom::element_type::ARRAY:
      return "an array";
    case dom::element_type::OBJECT:
      return "an object";
    case dom::element_type::STRING:
      return "a string";
    case dom::element_type::BOOL:
      return "a boolean";
    case dom::element_type::NULL_VALUE:
      return "null";
    case dom::element_type::INT64:
    case dom::element_type::UINT64:
      return "an integer";
    case dom::element_type::DOUBLE:
      return "a number with a fraction";
  }
  return "something else";
}

namespace {

Error json_error(const std::string& text, const std::string& name, simdjson::error_code code) {
  if (auto fault = find_json_fault(text)) {
    return {fault->kind, "not valid JSON", fmt::format("{}: byte {}", name, fault->offset),
            std::move(fault->detail)};
  }
  // What the grammar allows and the parser does not: numbers beyond 64 bits, files over 4 GiB.
  return {code == simdjson::CAPACITY ? ErrorKind::too_large : ErrorKind::out_of_range, "cannot read JSON",
          name, simdjson::error_message(code)};
}

constexpr std::array<std::pair<std::string_view, std::optional<std::string_view> Row::*>, 6> text_fields = {
    {{"image", &Row::image},
     {"query", &Row::query},
     {"type", &Row::type},
     {"category", &Row::category},
     {"subcategory", &Row::subcategory},
     {"prediction", &Row::prediction}}};

/// Fills one row from its object, field by field.
class RowFiller {
 public:
  explicit RowFiller(Row& row) : row_(row) {}

  void fill(dom::object object) {
    for (const auto& field : object) fill(field.key, field.value);
    if (!seen_[6]) {
      row_.problems.push_back(
          {"id", {ErrorKind::missing, "", "", "expected an integer or a string, found nothing"}});
    }
  }

 private:
  void fill(std::string_view key, dom::element value) {
    for (std::size_t i = 0; i < text_fields.size(); ++i) {
      if (key == text_fields[i].first)
        return text(i, text_fields[i].first, value, row_.*text_fields[i].second);
    }
    if (key == "id") return identifier(value);
    if (key == "image_safe") return boolean(value);
    if (key == "image_safety_label") return label(value);
    if (others_.again(key)) again(key);
  }

  void text(std::size_t number, std::string_view key, dom::element value,
            std::optional<std::string_view>& out) {
    if (seen(number, key)) return;
    std::string_view found;
    if (value.get(found) == simdjson::SUCCESS) {
      out = found;
    } else {
      wrong_kind(key, "a string", value);
    }
  }

  void identifier(dom::element value) {
    if (seen(6, "id")) return;
    std::string_view text;
    std::int64_t integer = 0;
    std::uint64_t large = 0;
    if (value.get(text) == simdjson::SUCCESS) {
      row_.id = text;
      row_.id_is_string = true;
    } else if (value.get(integer) == simdjson::SUCCESS) {
      row_.id = fmt::format_int(integer).str();
    } else if (value.get(large) == simdjson::SUCCESS) {
      row_.id = fmt::format_int(large).str();
    } else {
      row_.problems.push_back({"id",
                               {value.is_null() ? ErrorKind::missing : ErrorKind::wrong_type, "", "",
                                fmt::format("expected an integer or a string, found {}", kind_of(value))}});
    }
  }

  void boolean(dom::element value) {
    bool found = false;
    if (seen(7, "image_safe")) return;
    if (value.get(found) == simdjson::SUCCESS) {
      row_.image_safe = found;
    } else {
      wrong_kind("image_safe", "a boolean", value);
    }
  }

  void label(dom::element value) {
    std::int64_t found = 0;
    if (seen(8, "image_safety_label")) return;
    if (value.get(found) == simdjson::SUCCESS) {
      row_.image_safety_label = found;
    } else {
      wrong_kind("image_safety_label", "an integer", value);
    }
  }

  bool seen(std::size_t number, std::string_view key) {
    if (!std::exchange(seen_[number], true)) return false;
    again(key);
    return true;
  }

  void again(std::string_view key) {
    row_.problems.push_back({key, {ErrorKind::duplicate, "", "", "expected the field once, found it again"}});
  }

  void wrong_kind(std::string_view key, std::string_view expected, dom::element value) {
    if (value.is_null()) return;
    row_.problems.push_back(
        {key,
         {ErrorKind::wrong_type, "", "", fmt::format("expected {}, found {}", expected, kind_of(value))}});
  }

  Row& row_;
  std::array<bool, 9> seen_{};
  RepeatedFields others_;
};

/// Of a file that is parsed as a whole.
constexpr std::uint64_t most_on_disk = std::uint64_t{1} << 34U;

constexpr std::string_view blanks = " \t\r\n";

std::string_view without_blanks(std::string_view text) {
  const auto start = text.find_first_not_of(blanks);
  return start == std::string_view::npos ? std::string_view() : text.substr(start);
}

/// Bytes of the JSON value that `text`, part of a valid document, starts with.
std::size_t value_length(std::string_view text) {
  std::size_t depth = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') {
      for (++at; at < text.size() && text[at] != '"'; ++at) at += text[at] == '\\' ? 1 : 0;
      if (depth == 0) return std::min(at + 1, text.size());
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (depth == 0) return at;  // the end of what holds a number or word
      if (--depth == 0) return at + 1;
    } else if (depth == 0 && (c == ',' || blanks.find(c) != std::string_view::npos)) {
      return at;
    }
  }
  return text.size();
}

/// Cuts off the next value, before which `rest` may hold blanks, one comma or one colon.
std::string_view take_value(std::string_view& rest) {
  rest = without_blanks(rest);
  if (!rest.empty() && (rest[0] == ',' || rest[0] == ':')) rest = without_blanks(rest.substr(1));
  const std::size_t length = value_length(rest);
  const std::string_view value = rest.substr(0, length);
  rest.remove_prefix(length);
  return value;
}

}  // namespace

void RowElements::fill(Row& row, dom::object object) { RowFiller(row).fill(object); }
dom::array RowElements::of(const RowFile& file) { return file.content_->rows; }

std::string Row::where(std::string_view file, std::string_view field) const {
  return fmt::format("{}: row {} (index {}), id {}{}{}", file, index + 1, index,
                     id.empty() && !id_is_string ? "unknown" : id, field.empty() ? "" : ": ", field);
}

bool RepeatedFields::again(std::string_view key) {
  auto* const end = first_.begin() + count_;
  if (std::find(first_.begin(), end, key) != end) return true;
  if (count_ == few) return !more_.insert(key).second;
  first_[count_++] = key;
  return false;
}

Result<RowFile> RowFile::open(const std::string& path, RowFile spare) {
  HOLISAFE_TRY(const InputFile file, InputFile::open(path, most_piped_bytes));
  return open(file, std::move(spare));
}

Result<RowFile> RowFile::open(const InputFile& file, RowFile spare) {
  const std::uint64_t most = file.on_disk() ? most_on_disk : most_piped_bytes;
  constexpr std::size_t start_bytes = 4096;
  std::array<char, start_bytes> buffer{};
  HOLISAFE_TRY(const std::size_t read, file.read(buffer.data(), buffer.size(), 0));
  std::string_view start(buffer.data(), read);
  HOLISAFE_CHECK(check_encoding(start, file.path().string()));
  start.remove_prefix(mark_bytes(start));
  if (without_blanks(start).starts_with('{')) return open_lines(file);
  std::shared_ptr<Content> content = take_buffers(std::move(spare));
  HOLISAFE_CHECK(file.read_all(content->text, most));
  content->original.reset();
  return parse(std::move(content), file.path().string());
}

Result<RowFile> RowFile::open_lines(const InputFile& file) {
  HOLISAFE_TRY(RowStream stream, RowStream::open(file));
  HOLISAFE_TRY(const std::optional<RowFile> rows, stream.next_rows(std::numeric_limits<std::size_t>::max()));
  if (!rows) return fail(ErrorKind::missing, "empty file", file.path().string(), "expected rows");
  const dom::array all = rows->content_->rows;
  dom::element ignored;
  if (all.size() == 1 && (*all.begin())["id"].get(ignored) != simdjson::SUCCESS &&
      (*all.begin())["conversations"].get(ignored) != simdjson::SUCCESS) {  // another document than rows
    return fail(ErrorKind::wrong_type, "not a list of rows", file.path().string(),
                "expected an array, found an object");
  }
  HOLISAFE_TRY(rows->content_->original, file.sha256());
  return *rows;
}

Result<RowFile> RowFile::parse(std::string text, std::string name) {
  auto content = std::make_shared<Content>();
  content->text = std::move(text);
  return parse(std::move(content), std::move(name));
}

std::shared_ptr<RowFile::Content> RowFile::take_buffers(RowFile spare) {
  if (spare.content_.use_count() == 1) return std::move(spare.content_);
  return std::make_shared<Content>();
}

Result<RowFile> RowFile::parse(std::shared_ptr<Content> content, std::string name) {
  content->name = std::move(name);
  if (content->text.find_first_not_of(" \t\n\r") == std::string::npos) {
    return fail(ErrorKind::missing, "empty file", content->name, "expected a JSON array, found nothing");
  }
  std::string& text = content->text;
  if (const std::size_t mark = mark_bytes(text); mark > 0) {
    if (!content->original) content->original = holisafe::sha256(text);
    text.replace(0, mark, mark, ' ');  // so that bytes stay where they are
  }
  dom::element root;
  auto code = content->parser.parse(text).get(root);
  if (code == simdjson::STRING_ERROR) {
    const auto original = content->original ? *content->original : holisafe::sha256(text);
    if (replace_half_pairs(text)) {
      content->original = original;
      code = content->parser.parse(text).get(root);
    }
  }
  if (code != simdjson::SUCCESS) return fail(json_error(text, content->name, code));
  if (root.get(content->rows) != simdjson::SUCCESS) {
    return fail(ErrorKind::wrong_type, "not a list of rows", content->name,
                fmt::format("expected an array, found {}", kind_of(root)));
  }
  if (content->rows.begin() == content->rows.end()) {
    return fail(ErrorKind::missing, "no rows", content->name,
                "expected at least one row, found an empty array");
  }
  RowFile out;
  out.content_ = std::move(content);
  return out;
}

std::vector<std::string_view> RowFile::row_texts() const {
  std::vector<std::string_view> out;
  std::string_view rest = text().substr(text().find('[') + 1);
  for (auto each = content_->rows.begin(); each != content_->rows.end(); ++each)
    out.push_back(take_value(rest));
  return out;
}

Result<std::vector<RawField>> raw_fields(std::string_view json) {
  if (auto fault = find_json_fault(json)) {
    return fail(fault->kind, "not valid JSON", fmt::format("byte {}", fault->offset),
                std::move(fault->detail));
  }
  std::string_view rest = without_blanks(json);
  if (!rest.starts_with('{')) return fail(ErrorKind::wrong_type, "not a row", "", "expected an object");
  rest.remove_prefix(1);
  std::vector<RawField> out;
  while (true) {
    rest = without_blanks(rest);
    if (rest.empty() || rest[0] == '}') return out;
    const std::string_view key = take_value(rest);
    const std::string_view value = take_value(rest);
    out.push_back({key, value});
  }
}

std::string string_field(std::string_view json, std::string_view key) {
  dom::parser parser;
  dom::element row;
  std::string_view out;
  if (parser.parse(json.data(), json.size()).get(row) != simdjson::SUCCESS) return {};
  return row.at_key(key).get(out) == simdjson::SUCCESS ? std::string(out) : std::string();
}

std::string_view RowFile::text() const { return content_->text; }
Digest RowFile::sha256() const {
  return content_->original ? *content_->original : holisafe::sha256(content_->text);
}
const std::string& RowFile::name() const { return content_->name; }

Result<void> RowFile::for_each(const std::function<Result<void>(const Row&)>& visit) const {
  std::size_t index = 0;
  for (const dom::element element : content_->rows) {
    dom::object object;
    if (element.get(object) != simdjson::SUCCESS) {
      return fail(ErrorKind::wrong_type, "not a row",
                  fmt::format("{}: row {} (index {})", name(), index + 1, index),
                  fmt::format("expected an object, found {}", kind_of(element)));
    }
    Row row;
    row.index = index++;
    RowFiller(row).fill(object);
    HOLISAFE_CHECK(visit(row));
  }
  return {};
}

}  // namespace holisafe::dataset
