#include <optional>
#include <utility>

#include "dataset/row_elements.h"
#include "dataset/row_stream.h"
#include "sources/row_forms.h"

namespace holisafe::sources {
namespace {

namespace dom = simdjson::dom;

/// A JSON array, or objects in lines.
class JsonRows : public RowSource {
 public:
  explicit JsonRows(dataset::RowStream stream) : stream_(std::move(stream)) {}

  Result<std::optional<RowPiece>> next(std::size_t most) override {
    auto rows = stream_.next_rows(most);
    if (!rows) {
      // The stream knows that something is wrong with an array; the parser of whole files says it better.
      if (!stream_.in_lines()) HOLISAFE_CHECK(dataset::RowFile::open(stream_.file()));
      return fail(std::move(rows).error());
    }
    if (!*rows) return std::optional<RowPiece>();
    RowPiece out{.rows = **std::move(rows), .first = read_};
    read_ += dataset::RowElements::of(out.rows).size();
    return std::optional(std::move(out));
  }
  void rewind() override {
    stream_.rewind();
    read_ = 0;
  }
  [[nodiscard]] std::filesystem::path file() const override { return stream_.file().path(); }
  [[nodiscard]] Result<Digest> digest() const override { return stream_.file().sha256(); }

 private:
  dataset::RowStream stream_;
  std::uint64_t read_ = 0;
};

/// An object of rows; all of it is one value, which has a limit of its own.
class ObjectOfRows : public RowSource {
 public:
  ObjectOfRows(InputFile file, std::string text) : file_(std::move(file)), text_(std::move(text)) {}

  /// Errors: duplicate (a name that stands twice).
  Result<void> read_fields() {
    HOLISAFE_TRY(fields_, dataset::raw_fields(text_));
    HOLISAFE_TRY(const auto all, dataset::RowFile::parse("[" + text_ + "]", file_.path().string()));
    dom::object object;
    dataset::RepeatedFields names;
    if ((*dataset::RowElements::of(all).begin()).get(object) != simdjson::SUCCESS) return {};
    for (const auto& field : object) {
      if (names.again(field.key))
        return fail(ErrorKind::duplicate, "invalid rows", file_.path().string(),
                    "expected each row's name once, found \"" + std::string(field.key) + "\" again");
      keys_.emplace_back(field.key);
    }
    return {};
  }

  Result<std::optional<RowPiece>> next(std::size_t most) override {
    if (read_ == fields_.size()) return std::optional<RowPiece>();
    const std::size_t end = read_ + std::min(most, fields_.size() - read_);
    std::string text;
    for (std::size_t i = read_; i < end; ++i) {
      text += text.empty() ? '[' : ',';
      text += fields_[i].value;
    }
    HOLISAFE_TRY(auto rows, dataset::RowFile::parse(text + "]", file_.path().string()));
    RowPiece out{.rows = std::move(rows), .first = read_};
    const auto begin = keys_.begin();
    out.keys.assign(begin + static_cast<std::ptrdiff_t>(read_), begin + static_cast<std::ptrdiff_t>(end));
    read_ = end;
    return std::optional(std::move(out));
  }
  void rewind() override { read_ = 0; }
  [[nodiscard]] std::filesystem::path file() const override { return file_.path(); }
  [[nodiscard]] Result<Digest> digest() const override { return file_.sha256(); }

 private:
  InputFile file_;
  std::string text_;
  std::vector<dataset::RawField> fields_;  ///< in text_
  std::vector<std::string> keys_;
  std::size_t read_ = 0;
};

/// The text of a file that is one object with nothing but objects in it.
std::optional<std::string> object_of_rows(dataset::RowStream& stream) {
  const auto rows = stream.next_rows(2);
  if (!rows || !*rows) return std::nullopt;
  const dom::array found = dataset::RowElements::of(**rows);
  dom::object object;
  if (found.size() != 1 || (*found.begin()).get(object) != simdjson::SUCCESS || object.size() == 0)
    return std::nullopt;
  for (const auto& field : object) {
    if (!field.value.is_object()) return std::nullopt;
  }
  return std::string((*rows)->row_texts().front());
}

}  // namespace

Result<std::unique_ptr<RowSource>> open_json(InputFile file) {
  HOLISAFE_TRY(auto stream, dataset::RowStream::open(file));
  if (stream.in_lines()) {
    auto text = object_of_rows(stream);
    if (text) {
      auto out = std::make_unique<ObjectOfRows>(std::move(file), *std::move(text));
      HOLISAFE_CHECK(out->read_fields());
      return out;
    }
    stream.rewind();
  }
  return std::make_unique<JsonRows>(std::move(stream));
}

}  // namespace holisafe::sources
