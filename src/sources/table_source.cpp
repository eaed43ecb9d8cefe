#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/text.h"
#include "dataset/csv_table.h"
#include "sources/row_forms.h"

namespace holisafe::sources {
namespace {

using dataset::CsvTable;

/// Of the data's folder.
std::string name_from(const std::filesystem::path& root, const std::filesystem::path& file) {
  return root.empty() ? file.filename().string() : file.lexically_relative(root).string();
}

class TableRows : public RowSource {
 public:
  TableRows(CsvTable table, const RowOptions& options)
      : table_(std::move(table)),
        name_(name_from(options.root, table_.file().path())),
        base64_column_(options.base64_column) {}

  Result<void> take_head() {
    const auto& names = table_.names();
    for (std::size_t i = 0; i < names.size(); ++i) {
      std::string key = nlohmann::json(names[i]).dump();
      if (std::find(keys_.begin(), keys_.end(), key) != keys_.end()) return fail(table_.twice(names[i]));
      if (!base64_column_.empty() && names[i] == base64_column_) pictures_ = i;
      keys_.push_back(std::move(key));
    }
    return {};
  }

  Result<std::optional<RowPiece>> next(std::size_t most) override {
    std::string text;
    std::vector<std::vector<Picture>> pictures;
    const std::uint64_t first = table_.rows();
    while (table_.rows() < first + most && text.size() < most_piece_bytes) {
      HOLISAFE_TRY(const bool found, table_.next());
      if (!found) break;
      text += text.empty() ? '[' : ',';
      text += object(table_.rows() - 1);
      if (pictures_) pictures.push_back(pictures_of(table_.rows() - 1));
    }
    if (text.empty()) return std::optional<RowPiece>();
    HOLISAFE_TRY(auto rows, dataset::RowFile::parse(text + "]", file().string()));
    return std::optional(
        RowPiece{.rows = std::move(rows), .first = first, .keys = {}, .pictures = std::move(pictures)});
  }

  void rewind() override { table_.rewind(); }
  [[nodiscard]] std::filesystem::path file() const override { return table_.file().path(); }
  [[nodiscard]] Result<Digest> digest() const override { return table_.file().sha256(); }
  [[nodiscard]] bool has_pictures() const override { return pictures_.has_value(); }

  Result<std::string> picture(std::uint64_t row, std::string_view column) override {
    if (!pictures_ || table_.names()[*pictures_] != column) return RowSource::picture(row, column);
    if (row + 1 < table_.rows()) rewind();
    while (table_.rows() <= row) {
      HOLISAFE_TRY(const bool found, table_.next());
      if (!found) return RowSource::picture(row, column);
    }
    auto bytes = from_base64(strip(table_.cell(*pictures_)));
    if (bytes && !bytes->empty()) return *std::move(bytes);
    return fail(ErrorKind::malformed, "invalid row", table_.where(column), "expected a picture in base64");
  }

 private:
  /// A piece of rows is as large as this and one row more.
  static constexpr std::size_t most_piece_bytes = std::size_t{16} << 20U;

  [[nodiscard]] bool has_picture() const { return pictures_ && !strip(table_.cell(*pictures_)).empty(); }

  [[nodiscard]] std::string object(std::uint64_t row) const {
    std::string out = "{";
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      out += fmt::format("{}{}: ", i == 0 ? "" : ", ", keys_[i]);
      if (pictures_ != i) {
        out += nlohmann::json(std::string(table_.cell(i))).dump();
      } else {
        out += has_picture() ? nlohmann::json(picture_name(name_, row, table_.names()[i])).dump() : "null";
      }
    }
    return out + "}";
  }
  [[nodiscard]] std::vector<Picture> pictures_of(std::uint64_t row) const {
    const std::string& column = table_.names()[*pictures_];
    if (!has_picture()) return {};
    return {{column, picture_name(name_, row, column)}};
  }

  CsvTable table_;
  std::string name_;  ///< from the data's folder
  std::string base64_column_;
  std::vector<std::string> keys_;  ///< the head's names as JSON
  std::optional<std::size_t> pictures_;
};

/// Tabs or commas, by which there are more of in the first line.
Result<char> separator_of(const InputFile& file) {
  std::array<char, 4096> start{};
  HOLISAFE_TRY(const std::size_t got, file.read(start.data(), start.size(), 0));
  const std::string_view text(start.data(), got);
  const auto line = text.substr(0, text.find_first_of("\r\n"));
  return std::count(line.begin(), line.end(), '\t') > std::count(line.begin(), line.end(), ',') ? '\t' : ',';
}

}  // namespace

Result<std::unique_ptr<RowSource>> open_table(InputFile file, const RowOptions& options) {
  HOLISAFE_TRY(const char separator, separator_of(file));
  HOLISAFE_TRY(auto table, CsvTable::open(std::move(file), separator));
  auto out = std::make_unique<TableRows>(std::move(table), options);
  HOLISAFE_CHECK(out->take_head());
  return out;
}

}  // namespace holisafe::sources
