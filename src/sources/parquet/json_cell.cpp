#include "sources/parquet/json_cell.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include <arrow/scalar.h>
#include <arrow/type.h>
#include <arrow/util/decimal.h>
#include <fmt/format.h>

#include "base/text.h"

namespace holisafe::sources {
namespace {

using arrow::Type;

Result<void> append_text(std::string_view text, std::string& out) {
  if (!is_utf8(text)) return fail(ErrorKind::invalid_utf8, "invalid text", "", "expected UTF-8");
  out += nlohmann::json(std::string(text)).dump();
  return {};
}

void append_float(double value, std::string& out) {
  out += std::isfinite(value) ? nlohmann::json(value).dump() : "null";
}

template <typename List>
Result<void> append_list(const List& list, std::int64_t row, std::string& out) {
  const auto values = list.value_slice(row);
  out += '[';
  for (std::int64_t i = 0; i < values->length(); ++i) {
    if (i > 0) out += ", ";
    HOLISAFE_CHECK(append_json(*values, i, out));
  }
  out += ']';
  return {};
}

Result<void> append_struct(const arrow::StructArray& fields, std::int64_t row, std::string& out) {
  out += '{';
  for (int i = 0; i < fields.num_fields(); ++i) {
    if (i > 0) out += ", ";
    HOLISAFE_CHECK(append_text(fields.type()->field(i)->name(), out));
    out += ": ";
    HOLISAFE_CHECK(append_json(*fields.field(i), row, out));
  }
  out += '}';
  return {};
}

template <typename Array>
const Array& as(const arrow::Array& column) {
  return static_cast<const Array&>(column);
}

/// Decimals and times, as Arrow prints them.
Result<void> append_printed(const arrow::Array& column, std::int64_t row, bool number, std::string& out) {
  const auto value = column.GetScalar(row);
  if (!value.ok()) return fail(ErrorKind::internal, "cannot read value", "", value.status().message());
  const std::string text = (*value)->ToString();
  if (!number) return append_text(text, out);
  out += nlohmann::json::accept(text) ? text : nlohmann::json(text).dump();
  return {};
}

}  // namespace

bool has_json_form(const arrow::DataType& type) {
  switch (type.id()) {
    case Type::BINARY:
    case Type::LARGE_BINARY:
    case Type::BINARY_VIEW:
    case Type::FIXED_SIZE_BINARY:
    case Type::EXTENSION:
    case Type::RUN_END_ENCODED:
    case Type::SPARSE_UNION:
    case Type::DENSE_UNION:
    case Type::LIST_VIEW:
    case Type::LARGE_LIST_VIEW:
    case Type::HALF_FLOAT:
      return false;
    case Type::DICTIONARY:
      return has_json_form(*static_cast<const arrow::DictionaryType&>(type).value_type());
    default:
      break;
  }
  for (const auto& field : type.fields()) {
    if (!has_json_form(*field->type())) return false;
  }
  return true;
}

Result<void> append_json(const arrow::Array& column, std::int64_t row, std::string& out) {
  if (column.IsNull(row) || column.type_id() == Type::NA) {
    out += "null";
    return {};
  }
  switch (column.type_id()) {
    case Type::BOOL:
      out += as<arrow::BooleanArray>(column).Value(row) ? "true" : "false";
      return {};
    case Type::INT8:
      out += fmt::format("{}", as<arrow::Int8Array>(column).Value(row));
      return {};
    case Type::INT16:
      out += fmt::format("{}", as<arrow::Int16Array>(column).Value(row));
      return {};
    case Type::INT32:
      out += fmt::format("{}", as<arrow::Int32Array>(column).Value(row));
      return {};
    case Type::INT64:
      out += fmt::format("{}", as<arrow::Int64Array>(column).Value(row));
      return {};
    case Type::UINT8:
      out += fmt::format("{}", as<arrow::UInt8Array>(column).Value(row));
      return {};
    case Type::UINT16:
      out += fmt::format("{}", as<arrow::UInt16Array>(column).Value(row));
      return {};
    case Type::UINT32:
      out += fmt::format("{}", as<arrow::UInt32Array>(column).Value(row));
      return {};
    case Type::UINT64:
      out += fmt::format("{}", as<arrow::UInt64Array>(column).Value(row));
      return {};
    case Type::FLOAT:
      append_float(as<arrow::FloatArray>(column).Value(row), out);
      return {};
    case Type::DOUBLE:
      append_float(as<arrow::DoubleArray>(column).Value(row), out);
      return {};
    case Type::STRING:
      return append_text(as<arrow::StringArray>(column).GetView(row), out);
    case Type::LARGE_STRING:
      return append_text(as<arrow::LargeStringArray>(column).GetView(row), out);
    case Type::STRING_VIEW:
      return append_text(as<arrow::StringViewArray>(column).GetView(row), out);
    case Type::LIST:
      return append_list(as<arrow::ListArray>(column), row, out);
    case Type::MAP:
      return append_list(as<arrow::MapArray>(column), row, out);
    case Type::LARGE_LIST:
      return append_list(as<arrow::LargeListArray>(column), row, out);
    case Type::FIXED_SIZE_LIST:
      return append_list(as<arrow::FixedSizeListArray>(column), row, out);
    case Type::STRUCT:
      return append_struct(as<arrow::StructArray>(column), row, out);
    case Type::DICTIONARY: {
      const auto& texts = as<arrow::DictionaryArray>(column);
      return append_json(*texts.dictionary(), texts.GetValueIndex(row), out);
    }
    case Type::DECIMAL32:
    case Type::DECIMAL64:
    case Type::DECIMAL128:
    case Type::DECIMAL256:
      return append_printed(column, row, true, out);
    default:
      if (!has_json_form(*column.type()))
        return fail(ErrorKind::unsupported, "no JSON form", "",
                    "found a column of " + column.type()->ToString());
      return append_printed(column, row, false, out);
  }
}

}  // namespace holisafe::sources
