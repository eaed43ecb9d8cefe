#include "dataset/field_rows.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "dataset/csv_table.h"
#include "dataset/row_elements.h"
#include "dataset/row_stream.h"
#include "dataset/row_text.h"

namespace holisafe::dataset {

namespace dom = simdjson::dom;

/// What both forms share: the row that was read last.
class FieldRows::Reader {
 public:
  explicit Reader(std::vector<std::string> names) : names_(std::move(names)), values_(names_.size()) {}
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  virtual ~Reader() = default;

  virtual Result<bool> next() = 0;
  virtual void rewind() = 0;
  [[nodiscard]] virtual Form form() const = 0;
  [[nodiscard]] virtual const InputFile& file() const = 0;

  [[nodiscard]] const FieldValue& value(std::size_t name) const { return values_[name]; }
  [[nodiscard]] std::uint64_t line() const { return line_; }
  [[nodiscard]] const std::string& field_names() const { return field_names_; }
  [[nodiscard]] std::string where(std::string_view field) const {
    return fmt::format("{}: line {} (row {}){}{}", file().path().string(), line_, row_,
                       field.empty() ? "" : ": ", field);
  }

 protected:
  /// The number of a name that was asked for.
  [[nodiscard]] std::optional<std::size_t> number(std::string_view name) const {
    const auto place = std::find(names_.begin(), names_.end(), name);
    if (place == names_.end()) return std::nullopt;
    return static_cast<std::size_t>(place - names_.begin());
  }
  [[nodiscard]] Error twice(std::string_view field) const {
    return {ErrorKind::duplicate, "invalid row", where(field), "expected the field once, found it again"};
  }
  void begin_row(std::uint64_t line) {
    ++row_;
    line_ = line;
  }
  void begin_again() { row_ = 0; }
  void add_name(std::string_view name) {
    constexpr std::size_t most_shown = 120;
    if (field_names_.size() > most_shown) return;
    field_names_ += fmt::format("{}{}", field_names_.empty() ? "" : ", ", excerpt(name, most_shown / 2));
  }

  std::vector<std::string> names_;
  std::vector<FieldValue> values_;
  std::string field_names_;

 private:
  std::uint64_t row_ = 0;
  std::uint64_t line_ = 1;
};

class FieldRows::JsonReader : public Reader {
 public:
  JsonReader(RowStream stream, std::vector<std::string> names)
      : Reader(std::move(names)), stream_(std::move(stream)) {}

  Result<bool> next() override {
    constexpr std::size_t rows_at_once = 256;
    if (!piece_ || at_ == RowElements::of(*piece_).end()) {
      HOLISAFE_TRY(piece_, stream_.next_rows(rows_at_once));
      if (!piece_) return false;
      at_ = RowElements::of(*piece_).begin();
      in_piece_ = 0;
    }
    begin_row(stream_.line(in_piece_++));
    const dom::element element = *at_;
    ++at_;
    dom::object object;
    if (element.get(object) != simdjson::SUCCESS) {
      return fail(ErrorKind::wrong_type, "invalid row", where(""),
                  fmt::format("expected an object, found {}", kind_of(element)));
    }
    HOLISAFE_CHECK(take(object));
    return true;
  }

  void rewind() override {
    stream_.rewind();
    piece_.reset();
    begin_again();
  }
  [[nodiscard]] Form form() const override { return stream_.in_lines() ? Form::lines : Form::array; }
  [[nodiscard]] const InputFile& file() const override { return stream_.file(); }

 private:
  Result<void> take(dom::object object) {
    for (FieldValue& value : values_) value = {};
    field_names_.clear();
    for (const auto& field : object) {
      add_name(field.key);
      const auto place = number(field.key);
      if (!place) continue;
      if (values_[*place].kind != FieldValue::Kind::absent) return fail(twice(field.key));
      values_[*place] = value_of(field.value);
    }
    return {};
  }

  static FieldValue value_of(dom::element element) {
    FieldValue out{FieldValue::Kind::other, {}, kind_of(element)};
    std::string_view text;
    std::int64_t integer = 0;
    std::uint64_t large = 0;
    dom::array array;
    if (element.is_null()) {
      out.kind = FieldValue::Kind::null;
    } else if (element.get(text) == simdjson::SUCCESS) {
      out.kind = FieldValue::Kind::text;
      out.text = text;
    } else if (element.get(integer) == simdjson::SUCCESS) {
      out.kind = FieldValue::Kind::integer;
      out.text = fmt::format_int(integer).str();
    } else if (element.get(large) == simdjson::SUCCESS) {
      out.kind = FieldValue::Kind::integer;
      out.text = fmt::format_int(large).str();
    } else if (element.get(array) == simdjson::SUCCESS && array.size() == 1 &&
               array.at(0).get(text) == simdjson::SUCCESS) {
      out.kind = FieldValue::Kind::one_text;
      out.text = text;
    }
    return out;
  }

  RowStream stream_;
  std::optional<RowFile> piece_;
  dom::array::iterator at_;
  std::size_t in_piece_ = 0;
};

class FieldRows::TableReader : public Reader {
 public:
  TableReader(CsvTable table, std::vector<std::string> names)
      : Reader(std::move(names)), table_(std::move(table)) {}

  Result<void> take_head() {
    places_.assign(names_.size(), std::nullopt);
    for (std::size_t column = 0; column < table_.names().size(); ++column) {
      const std::string& name = table_.names()[column];
      add_name(name);
      const auto place = number(name);
      if (!place) continue;
      if (places_[*place]) return fail(table_.twice(name));
      places_[*place] = column;
    }
    return {};
  }

  Result<bool> next() override {
    HOLISAFE_TRY(const bool found, table_.next());
    if (!found) return false;
    begin_row(table_.line());
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (places_[i]) values_[i] = {FieldValue::Kind::cell, std::string(table_.cell(*places_[i])), "a cell"};
    }
    return true;
  }

  void rewind() override {
    table_.rewind();
    begin_again();
  }
  [[nodiscard]] Form form() const override { return Form::table; }
  [[nodiscard]] const InputFile& file() const override { return table_.file(); }

 private:
  CsvTable table_;
  std::vector<std::optional<std::size_t>> places_;  ///< columns of the names
};

Result<FieldRows> FieldRows::open(InputFile file, std::vector<std::string> names) {
  HOLISAFE_TRY(const bool json, holds_json_rows(file));
  if (json) {
    HOLISAFE_TRY(RowStream stream, RowStream::open(std::move(file)));
    return FieldRows(std::make_shared<JsonReader>(std::move(stream), std::move(names)));
  }
  HOLISAFE_TRY(CsvTable table, CsvTable::open(std::move(file)));
  auto reader = std::make_shared<TableReader>(std::move(table), std::move(names));
  HOLISAFE_CHECK(reader->take_head());
  return FieldRows(std::move(reader));
}

Result<bool> FieldRows::next() { return reader_->next(); }
const FieldValue& FieldRows::value(std::size_t name) const { return reader_->value(name); }
std::string FieldRows::where(std::string_view field) const { return reader_->where(field); }
std::uint64_t FieldRows::line() const { return reader_->line(); }
FieldRows::Form FieldRows::form() const { return reader_->form(); }
const InputFile& FieldRows::file() const { return reader_->file(); }
std::string FieldRows::field_names() const { return reader_->field_names(); }
void FieldRows::rewind() { reader_->rewind(); }

}  // namespace holisafe::dataset
