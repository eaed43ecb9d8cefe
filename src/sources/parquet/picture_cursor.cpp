#include "sources/parquet/picture_cursor.h"

#include <exception>

#include <parquet/statistics.h>

namespace holisafe::sources {

Result<void> PictureCursor::move_to(std::uint64_t row) {
  const auto metadata = file_->reader().metadata();
  std::uint64_t begin = 0;
  int group = 0;
  std::uint64_t rows = 0;
  for (; group < metadata->num_row_groups(); ++group, begin += rows) {
    rows = static_cast<std::uint64_t>(metadata->RowGroup(group)->num_rows());
    if (row - begin < rows) break;
  }
  if (group == metadata->num_row_groups()) {
    return fail(file_->fault(column_->name, row, "expected a row of the file, found none of that number",
                             ErrorKind::out_of_range));
  }
  if (group != group_ || row < next_ || !reader_) {
    reader_.reset();  // and its page, before another one is there
    reader_ = std::static_pointer_cast<parquet::ByteArrayReader>(
        file_->reader().RowGroup(group)->Column(column_->leaf));
    group_ = group;
    group_begin_ = begin;
    next_ = begin;
  }
  while (next_ < row) {
    const auto skipped = reader_->Skip(static_cast<std::int64_t>(row - next_));
    if (skipped <= 0) {
      return fail(file_->fault(column_->name, row, "expected its value, found the end of the column",
                               ErrorKind::truncated));
    }
    next_ += static_cast<std::uint64_t>(skipped);
  }
  return {};
}

Result<std::optional<std::string>> PictureCursor::at(std::uint64_t row) {
  try {
    HOLISAFE_CHECK(move_to(row));
    std::int16_t defined = 0;
    std::int64_t values = 0;
    parquet::ByteArray value;
    const auto read = reader_->ReadBatch(1, &defined, nullptr, &value, &values);
    if (read != 1) {
      return fail(file_->fault(column_->name, row, "expected its value, found the end of the column",
                               ErrorKind::truncated));
    }
    ++next_;
    if (values == 0) return std::optional<std::string>();
    return std::optional(std::string(reinterpret_cast<const char*>(value.ptr), value.len));
  } catch (const std::exception& fault) {  // what Arrow throws
    reader_.reset();
    return fail(file_->fault(column_->name, row, fault.what()));
  }
}

Result<Present> PictureCursor::present(int group) {
  try {
    const auto rows = file_->reader().metadata()->RowGroup(group);
    const auto count = static_cast<std::size_t>(rows->num_rows());
    const auto statistics = rows->ColumnChunk(column_->leaf)->statistics();
    if (statistics && statistics->HasNullCount()) {
      if (statistics->null_count() == 0) return Present{true, {}};
      if (statistics->null_count() == rows->num_rows()) return Present{false, {}};
    }
    if (column_->named) return Present{true, {}};
    const auto reader = std::static_pointer_cast<parquet::ByteArrayReader>(
        file_->reader().RowGroup(group)->Column(column_->leaf));
    Present out;
    while (out.each.size() < count && reader->HasNext()) {
      std::int16_t defined = 0;
      std::int64_t values = 0;
      parquet::ByteArray value;
      if (reader->ReadBatch(1, &defined, nullptr, &value, &values) != 1) break;
      out.each.push_back(values == 1);
    }
    if (out.each.size() == count) return out;
    return fail(
        file_->fault(column_->name, std::nullopt, "expected as many values as rows", ErrorKind::truncated));
  } catch (const std::exception& fault) {
    return fail(file_->fault(column_->name, std::nullopt, fault.what()));
  }
}

}  // namespace holisafe::sources
