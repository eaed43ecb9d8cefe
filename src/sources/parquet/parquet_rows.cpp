// The module's table, and Parquet as a source of rows.
#include <exception>
#include <nlohmann/json.hpp>

#include <arrow/record_batch.h>
#include <fmt/format.h>

#include "base/text.h"
#include "sources/parquet.h"
#include "sources/parquet/json_cell.h"
#include "sources/parquet/parquet_file.h"
#include "sources/parquet/picture_cursor.h"

namespace holisafe::sources {
namespace {

class ParquetRows : public RowSource {
 public:
  ParquetRows(std::unique_ptr<ParquetFile> file, const RowOptions& options)
      : file_(std::move(file)),
        name_(options.root.empty() ? file_->file().path().filename().string()
                                   : file_->file().path().lexically_relative(options.root).string()) {
    for (const PictureColumn& each : file_->pictures()) cursors_.emplace_back(*file_, each);
  }

  Result<std::optional<RowPiece>> next(std::size_t most) override {
    try {
      return next_piece(most);
    } catch (const std::exception& fault) {  // what Arrow throws
      return fail(file_->fault("", read_, fault.what()));
    }
  }

  void rewind() override {
    batches_.reset();
    batch_.reset();
    read_ = 0;
    group_ = -1;
  }
  [[nodiscard]] std::filesystem::path file() const override { return file_->file().path(); }
  [[nodiscard]] Result<Digest> digest() const override { return file_->digest(); }
  [[nodiscard]] bool has_pictures() const override { return !file_->pictures().empty(); }

  Result<std::string> picture(std::uint64_t row, std::string_view column) override {
    for (std::size_t i = 0; i < cursors_.size(); ++i) {
      const PictureColumn& picture = file_->pictures()[i];
      if (picture.name != column) continue;
      HOLISAFE_TRY(auto bytes, cursors_[i].at(row));
      if (!bytes)
        return fail(file_->fault(column, row, "expected a picture, found null", ErrorKind::missing));
      if (!picture.base64) return *std::move(bytes);
      auto plain = from_base64(strip(*bytes));
      if (plain) return *std::move(plain);
      return fail(file_->fault(column, row, "expected a picture in base64, found another text",
                               ErrorKind::wrong_type));
    }
    return RowSource::picture(row, column);
  }

 private:
  static constexpr std::int64_t rows_at_once = 64;
  static constexpr std::size_t most_piece_bytes = std::size_t{16} << 20U;

  Result<std::optional<RowPiece>> next_piece(std::size_t most) {
    RowPiece out;
    out.first = read_;
    std::string text;
    while (read_ < out.first + most && text.size() < most_piece_bytes) {
      HOLISAFE_TRY(const bool found, next_row());
      if (!found) break;
      text += text.empty() ? '[' : ',';
      auto& pictures = out.pictures.emplace_back();
      if (const auto written = append_row(text, pictures); !written) {
        Error error = written.error();
        error.where = fmt::format("{}: {}: row {}", file_->name(), error.where, read_ + 1);
        return fail(std::move(error));
      }
      ++read_;
    }
    if (text.empty()) return std::optional<RowPiece>();
    HOLISAFE_TRY(out.rows, dataset::RowFile::parse(text + "]", file_->name()));
    return std::optional(std::move(out));
  }

  /// Moves to the row of number read_ in a batch.
  Result<bool> next_row() {
    const auto all = static_cast<std::uint64_t>(file_->reader().metadata()->num_rows());
    if (read_ == all) return false;
    HOLISAFE_CHECK(enter_group());
    if (!batches_) {
      HOLISAFE_TRY(batches_, file_->rows(rows_at_once));
    }
    while (!batch_ || in_batch_ + 1 >= batch_->num_rows()) {
      const auto status = batches_->ReadNext(&batch_);
      if (!status.ok()) return fail(file_->fault("", read_, status.message()));
      in_batch_ = -1;
      if (!batch_)
        return fail(file_->fault("", read_, fmt::format("expected {} rows, found {}", all, read_),
                                 ErrorKind::truncated));
    }
    ++in_batch_;
    return true;
  }

  /// Which pictures there are in the row group of the row read_, when it is the group's first.
  Result<void> enter_group() {
    const auto metadata = file_->reader().metadata();
    while (group_ < 0 || read_ >= group_end_) {
      ++group_;
      group_begin_ = group_ == 0 ? 0 : group_end_;
      group_end_ = group_begin_ + static_cast<std::uint64_t>(metadata->RowGroup(group_)->num_rows());
      present_.clear();
    }
    if (!present_.empty()) return {};
    for (PictureCursor& each : cursors_) {
      HOLISAFE_TRY(auto present, each.present(group_));
      present_.push_back(std::move(present));
    }
    return {};
  }

  /// The row as an object; errors say the column as their place.
  Result<void> append_row(std::string& out, std::vector<Picture>& pictures) {
    const auto& fields = *batch_->schema();
    std::size_t picture = 0;
    out += '{';
    bool first = true;
    const auto begin_field = [&](const std::string& name) {
      out += fmt::format("{}{}: ", first ? "" : ", ", nlohmann::json(name).dump());
      first = false;
    };
    for (const auto& name : file_->column_names()) {
      begin_field(name);
      const int column = fields.GetFieldIndex(name);
      if (picture < cursors_.size() && file_->pictures()[picture].name == name) {
        append_picture(picture++, column, out, pictures);
      } else if (const auto written = append_json(*batch_->column(column), in_batch_, out); !written) {
        return fail(written.error().kind, "cannot read Parquet", name, written.error().detail);
      }
    }
    out += '}';
    return {};
  }

  /// The name of a picture, null where there is none. `column` holds the struct without its bytes, where it
  /// is one.
  void append_picture(std::size_t number, int column, std::string& out, std::vector<Picture>& pictures) {
    const PictureColumn& picture = file_->pictures()[number];
    std::string own = picture_name(name_, read_, picture.name);
    std::string shown = own;
    bool present = present_[number].at(read_ - group_begin_);
    if (picture.named && column >= 0) {
      const auto& names = static_cast<const arrow::StructArray&>(*batch_->column(column));
      present = present && !names.IsNull(in_batch_);
      const auto& paths = *names.field(0);
      if (present && !paths.IsNull(in_batch_) && paths.type_id() == arrow::Type::STRING)
        shown = static_cast<const arrow::StringArray&>(paths).GetString(in_batch_);
    }
    if (!present) {
      out += "null";
      return;
    }
    if (!is_utf8(shown) || shown.empty()) shown = own;
    out += nlohmann::json(shown).dump();
    pictures.emplace_back(picture.name, std::move(own));
  }

  std::unique_ptr<ParquetFile> file_;
  std::string name_;  ///< from the data's folder
  std::vector<PictureCursor> cursors_;
  std::unique_ptr<arrow::RecordBatchReader> batches_;
  std::shared_ptr<arrow::RecordBatch> batch_;
  std::int64_t in_batch_ = -1;
  std::uint64_t read_ = 0;  ///< rows
  int group_ = -1;
  std::uint64_t group_begin_ = 0;
  std::uint64_t group_end_ = 0;
  std::vector<Present> present_;  ///< of each picture column, in the group
};

Result<std::unique_ptr<RowSource>> open(InputFile file, const RowOptions& options) {
  const std::string name = file.path().string();
  try {
    HOLISAFE_TRY(auto opened, ParquetFile::open(std::move(file), options));
    return std::make_unique<ParquetRows>(std::move(opened), options);
  } catch (const std::exception& fault) {  // what Arrow throws
    return fail(ErrorKind::malformed, "cannot read Parquet", name, fault.what());
  }
}

constexpr ParquetModule module{open};

}  // namespace
}  // namespace holisafe::sources

extern "C" __attribute__((visibility("default"))) const void* holisafe_parquet_module() {
  return &holisafe::sources::module;
}
