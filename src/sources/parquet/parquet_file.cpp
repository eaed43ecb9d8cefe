#include "sources/parquet/parquet_file.h"

#include <algorithm>
#include <filesystem>

#include <arrow/io/file.h>
#include <arrow/memory_pool.h>
#include <fmt/format.h>
#include <parquet/arrow/schema.h>

#include "base/text.h"
#include "sources/parquet/json_cell.h"

namespace holisafe::sources {
namespace {

using parquet::arrow::SchemaField;

constexpr std::size_t tail_bytes = 8;  ///< the footer's length and the magic
constexpr std::uint64_t most_footer_bytes = std::uint64_t{256} << 20U;

Result<std::string> read_at(const InputFile& file, std::uint64_t offset, std::size_t size) {
  std::string out(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    HOLISAFE_TRY(const std::size_t got, file.read(out.data() + done, size - done, offset + done));
    if (got == 0) break;
    done += got;
  }
  out.resize(done);
  return out;
}

bool holds_text(const arrow::DataType& type) {
  return type.id() == arrow::Type::STRING || type.id() == arrow::Type::LARGE_STRING;
}
bool holds_bytes(const arrow::DataType& type) {
  return type.id() == arrow::Type::BINARY || type.id() == arrow::Type::LARGE_BINARY;
}

/// Appends the numbers of the leaves below a field.
void add_leaves(const SchemaField& field, std::vector<int>& out) {
  if (field.column_index >= 0) out.push_back(field.column_index);
  for (const SchemaField& child : field.children) add_leaves(child, out);
}

std::optional<PictureColumn> as_picture(const SchemaField& field, std::string_view base64_column) {
  const auto& type = *field.field->type();
  const std::string& name = field.field->name();
  if (holds_bytes(type)) return PictureColumn{name, field.column_index};
  if (holds_text(type) && !base64_column.empty() && name == base64_column)
    return PictureColumn{.name = name, .leaf = field.column_index, .base64 = true};
  if (type.id() != arrow::Type::STRUCT || field.children.size() != 2) return std::nullopt;
  for (std::size_t i = 0; i < 2; ++i) {
    const SchemaField& bytes = field.children[i];
    const SchemaField& path = field.children[1 - i];
    if (bytes.field->name() == "bytes" && path.field->name() == "path" && holds_bytes(*bytes.field->type()) &&
        holds_text(*path.field->type()))
      return PictureColumn{.name = name, .leaf = bytes.column_index, .named = true};
  }
  return std::nullopt;
}

}  // namespace

Error ParquetFile::fault(std::string_view column, std::optional<std::uint64_t> row, std::string detail,
                         ErrorKind kind) const {
  return {kind, "cannot read Parquet",
          fmt::format("{}{}{}", name(), column.empty() ? "" : fmt::format(": {}", column),
                      row ? fmt::format(": row {}", *row + 1) : ""),
          std::move(detail)};
}

Result<std::unique_ptr<ParquetFile>> ParquetFile::open(InputFile file, const RowOptions& options) {
  std::unique_ptr<ParquetFile> out(new ParquetFile(std::move(file)));
  HOLISAFE_CHECK(out->read_footer());
  auto* const pool = arrow::system_memory_pool();  // gives memory back at once
  const auto opened = arrow::io::ReadableFile::Open(out->file_.open_path().string(), pool);
  if (!opened.ok()) return fail(out->fault("", std::nullopt, opened.status().message(), ErrorKind::io));
  parquet::ReaderProperties reading(pool);
  reading.enable_buffered_stream();
  reading.set_page_checksum_verification(true);
  parquet::ArrowReaderProperties arrows(false);  // no threads
  arrows.set_pre_buffer(false);
  parquet::arrow::FileReaderBuilder builder;
  auto status = builder.Open(*opened, reading);
  if (status.ok()) status = builder.memory_pool(pool)->properties(arrows)->Build(&out->arrow_);
  if (!status.ok())
    return fail(out->fault("", std::nullopt, fmt::format("expected a sound footer: {}", status.message())));
  HOLISAFE_CHECK(out->check_columns());
  HOLISAFE_CHECK(out->find_pictures(options.base64_column));
  return out;
}

Result<void> ParquetFile::read_footer() {
  std::error_code code;
  size_ = std::filesystem::file_size(file_.open_path(), code);
  if (code) return fail(fault("", std::nullopt, code.message(), ErrorKind::io));
  const auto cut_off = [&](std::string found) {
    return fail(
        fault("", std::nullopt,
              fmt::format("expected its footer and PAR1 at the end, found {}: the file is cut off", found),
              ErrorKind::truncated));
  };
  if (size_ < tail_bytes + 4) return cut_off(fmt::format("{} bytes in all", size_));
  HOLISAFE_TRY(const std::string tail, read_at(file_, size_ - tail_bytes, tail_bytes));
  if (tail.ends_with("PARE"))
    return fail(
        fault("", std::nullopt, "expected a plain file, found an encrypted one", ErrorKind::unsupported));
  if (!tail.ends_with("PAR1")) return cut_off("other bytes");
  std::uint64_t length = 0;
  for (std::size_t i = 4; i-- > 0;) length = length << 8U | static_cast<unsigned char>(tail[i]);
  if (length > size_ - tail_bytes - 4)
    return cut_off(fmt::format("a footer of {} bytes in a file of {}", length, size_));
  if (length > most_footer_bytes) {
    return fail(
        fault("", std::nullopt,
              fmt::format("expected a footer of at most {} bytes, found {}", most_footer_bytes, length),
              ErrorKind::too_large));
  }
  HOLISAFE_TRY(footer_, read_at(file_, size_ - tail_bytes - length, length));
  return {};
}

Result<Digest> ParquetFile::digest() const { return sha256(fmt::format("{}\n{}", size_, footer_)); }

/// Whether all columns lie inside the file.
Result<void> ParquetFile::check_columns() const {
  const auto metadata = arrow_->parquet_reader()->metadata();
  const std::uint64_t end = size_ - tail_bytes - footer_.size();
  for (int group = 0; group < metadata->num_row_groups(); ++group) {
    const auto rows = metadata->RowGroup(group);
    if (rows->num_rows() < 0)
      return fail(fault("", std::nullopt, "expected a number of rows, found a negative one"));
    for (int leaf = 0; leaf < rows->num_columns(); ++leaf) {
      const auto chunk = rows->ColumnChunk(leaf);
      auto start = chunk->data_page_offset();
      if (chunk->has_dictionary_page() && chunk->dictionary_page_offset() > 0)
        start = std::min(start, chunk->dictionary_page_offset());
      const auto size = chunk->total_compressed_size();
      if (start >= 4 && size >= 0 && static_cast<std::uint64_t>(start) <= end &&
          static_cast<std::uint64_t>(size) <= end - static_cast<std::uint64_t>(start))
        continue;
      return fail(fault(metadata->schema()->Column(leaf)->path()->ToDotString(), std::nullopt,
                        fmt::format("expected its {} bytes at byte {} before the footer, which begins at {}",
                                    size, start, end),
                        ErrorKind::out_of_range));
    }
  }
  return {};
}

Result<void> ParquetFile::find_pictures(std::string_view base64_column) {
  for (const SchemaField& field : arrow_->manifest().schema_fields) {
    const std::string& name = field.field->name();
    if (std::find(names_.begin(), names_.end(), name) != names_.end())
      return fail(
          fault(name, std::nullopt, "expected the column once, found it again", ErrorKind::duplicate));
    if (!is_utf8(name))
      return fail(fault("", std::nullopt, "expected names of columns in UTF-8", ErrorKind::invalid_utf8));
    names_.push_back(name);
    if (const auto picture = as_picture(field, base64_column)) {
      const auto* const bytes = arrow_->parquet_reader()->metadata()->schema()->Column(picture->leaf);
      if (bytes->physical_type() != parquet::Type::BYTE_ARRAY || bytes->max_repetition_level() != 0)
        return fail(fault(name, std::nullopt, "expected one value a row for a picture's bytes",
                          ErrorKind::wrong_type));
      pictures_.push_back(*picture);
      std::vector<int> leaves;
      add_leaves(field, leaves);
      for (const int leaf : leaves) {
        if (leaf != picture->leaf) leaves_.push_back(leaf);
      }
      continue;
    }
    if (!has_json_form(*field.field->type())) {
      return fail(fault(field.field->name(), std::nullopt,
                        fmt::format("expected a column of texts, numbers or pictures, found {}",
                                    field.field->type()->ToString()),
                        ErrorKind::unsupported));
    }
    add_leaves(field, leaves_);
  }
  std::sort(leaves_.begin(), leaves_.end());
  return {};
}

Result<std::unique_ptr<arrow::RecordBatchReader>> ParquetFile::rows(std::int64_t at_once) {
  std::vector<int> groups;
  for (int i = 0; i < arrow_->num_row_groups(); ++i) groups.push_back(i);
  arrow_->set_batch_size(at_once);
  auto out = arrow_->GetRecordBatchReader(groups, leaves_);
  if (!out.ok()) return fail(fault("", std::nullopt, out.status().message()));
  return *std::move(out);
}

}  // namespace holisafe::sources
