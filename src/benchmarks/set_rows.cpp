#include "benchmarks/set_rows.h"

#include <fmt/format.h>

#include "benchmarks/set_files.h"
#include "dataset/row_elements.h"

namespace holisafe::benchmarks {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t rows_at_once = 256;

/// Why an image path can't be used whatever the disk holds; empty if it can.
std::string path_fault(std::string_view path, std::string_view images_folder) {
  const std::string folder = images_folder.empty() ? "the data's folder" : fmt::format("{}/", images_folder);
  if (path.empty()) return "expected a path, found an empty string";
  if (path.find('\0') != std::string_view::npos) return "expected a path, found a NUL character";
  if (path.front() == '/')
    return fmt::format("expected a path relative to {}, found an absolute one", folder);
  for (const auto& part : std::filesystem::path(path)) {
    if (part == "..") return fmt::format("expected a path beneath {}, found \"..\"", folder);
  }
  return {};
}

Reading make_reading(const RowFormat& format, const std::filesystem::path& file, sources::ImagePlace images,
                     bool names_images) {
  const std::string name = file.string();
  return {{.file = name,
           .images = std::move(images),
           .rows = 0,
           .sound = 0,
           .named = {},
           .problems = dataset::Problems(name),
           .disagreements = dataset::Problems(name)},
          format.images_folder,
          names_images};
}
Reading make_reading(const RowFormat& format, const SetFiles& files, bool names_images) {
  return make_reading(format, files.file(), files.images(), names_images);
}

void read_row(const RowFormat& format, RowReading row, Reading& reading, const OnItem& on_item) {
  const auto item = format.read(row);
  if (!item && row.sound()) return;  // of another tag
  ++reading.items;
  ++reading.contents.rows;
  row.note_repeated_fields();
  if (!item || !row.sound()) return;
  ++reading.contents.sound;
  if (on_item) on_item(*item);
}

void read_piece(const RowFormat& format, const sources::RowPiece& piece, std::string_view tag,
                const std::filesystem::path& file, Reading& reading, const OnItem& on_item) {
  reading.file = file.string();
  reading.contents.problems.set_file(reading.file);
  reading.contents.disagreements.set_file(reading.file);
  const auto texts = piece.rows.row_texts();
  std::size_t index = 0;
  for (const auto element : dataset::RowElements::of(piece.rows)) {
    RowReading::Origin origin{piece.first + index, tag};
    if (!piece.keys.empty()) origin.key = piece.keys[index];
    if (!piece.pictures.empty()) origin.pictures = &piece.pictures[index];
    dom::object object;
    if (element.get(object) == simdjson::SUCCESS) {
      read_row(format, RowReading(reading, origin, object, texts[index]), reading, on_item);
    } else {
      RowReading(reading, origin, {}, {})
          .problem("", ErrorKind::wrong_type,
                   fmt::format("expected an object, found {}", dataset::kind_of(element)));
      ++reading.items;
      ++reading.contents.rows;
    }
    ++index;
  }
}

/// Reads all files piece by piece, and says of one that is no list of rows what is wrong with it.
Result<void> read_whole(const RowFormat& format, SetFiles& files, Reading& reading, const OnItem& on_item) {
  while (true) {
    HOLISAFE_TRY(const auto piece, files.next(rows_at_once));
    if (!piece) break;
    read_piece(format, *piece, files.tag(), files.now(), reading, on_item);
  }
  if (reading.contents.rows == 0)
    return fail(ErrorKind::missing, "no rows", files.file().string(),
                "expected at least one row, found an empty array");
  return {};
}

class SetRows : public Rows {
 public:
  SetRows(const RowFormat& format, SetFiles files, bool asks)
      : format_(format), files_(std::move(files)), reading_(make_reading(format, files_, false)) {
    reading_.asks = asks;
  }

  Result<std::vector<Item>> next(std::size_t most) override {
    std::vector<Item> out;
    while (out.empty()) {
      const auto piece = files_.next(most);
      if (!piece || (!*piece && reading_.contents.rows == 0)) return fail(whole_file_error());
      if (!*piece) break;
      read_piece(format_, **piece, files_.tag(), files_.now(), reading_,
                 [&](const Item& item) { out.push_back(item); });
      if (!reading_.contents.problems.empty()) return fail(whole_file_error());
    }
    return out;
  }

  void rewind() override {
    files_.rewind();
    reading_ = fresh_reading();
  }

  Result<std::shared_ptr<sources::ImageSource>> images() override {
    if (!images_) {
      HOLISAFE_TRY(images_, sources::open_images(files_.images()));
    }
    return images_;
  }
  Result<void> require_images() override {
    HOLISAFE_CHECK(images());
    reading_.required = images_.get();
    return {};
  }
  [[nodiscard]] std::filesystem::path file() const override { return files_.file(); }
  [[nodiscard]] Result<Digest> sha256() const override { return files_.digest(); }
  [[nodiscard]] std::uint64_t disagreements() const override {
    return reading_.contents.disagreements.count();
  }

 private:
  [[nodiscard]] Reading fresh_reading() const {
    Reading out = make_reading(format_, files_, false);
    out.required = reading_.required;
    out.asks = reading_.asks;
    return out;
  }

  /// What is wrong with the rows as a whole: their first problem, and how many there are.
  Error whole_file_error() {
    files_.rewind();
    Reading reading = fresh_reading();
    const auto read = read_whole(format_, files_, reading, {});
    if (!read) return read.error();
    const auto& problems = reading.contents.problems;
    if (problems.empty()) return {ErrorKind::mismatch, "file changed while it was read", file().string(), ""};
    Error first = problems.kept().front();
    first.detail += fmt::format(" ({} such problems; `holisafe data check` shows all)", problems.count());
    return first;
  }

  const RowFormat& format_;
  SetFiles files_;
  std::shared_ptr<sources::ImageSource> images_;
  Reading reading_;
};

}  // namespace

RowReading::RowReading(Reading& reading, const Origin& origin, dom::object object, std::string_view json)
    : reading_(reading),
      origin_(origin),
      object_(object),
      json_(json),
      problems_before_(reading.contents.problems.count()) {
  row_.index = origin.number;
}

std::optional<dom::element> RowReading::value(std::string_view field) {
  dom::element out;
  if (object_.at_key(field).get(out) != simdjson::SUCCESS || out.is_null()) return std::nullopt;
  return out;
}

void RowReading::note_repeated_fields() {
  dataset::RepeatedFields fields;
  for (const auto& each : object_) {
    if (fields.again(each.key))
      problem(each.key, ErrorKind::duplicate, "expected the field once, found it again");
  }
}

std::optional<std::string_view> RowReading::as_text(std::string_view field, dom::element value) {
  std::string_view out;
  if (value.get(out) == simdjson::SUCCESS) return out;
  problem(field, ErrorKind::wrong_type, fmt::format("expected a string, found {}", dataset::kind_of(value)));
  return std::nullopt;
}

std::optional<std::string_view> RowReading::optional_text(std::string_view field) {
  const auto found = value(field);
  return found ? as_text(field, *found) : std::nullopt;
}

std::optional<std::string_view> RowReading::text(std::string_view field) {
  if (const auto found = value(field)) return as_text(field, *found);
  problem(field, ErrorKind::missing, "expected a string, found nothing");
  return std::nullopt;
}

void RowReading::take_id(std::string_view field) {
  const auto found = value(field);
  std::string_view text;
  std::int64_t integer = 0;
  std::uint64_t large = 0;
  if (!found) {
    problem(field, ErrorKind::missing, "expected an integer or a string, found nothing");
  } else if (found->get(text) == simdjson::SUCCESS) {
    row_.id = text;
    row_.id_is_string = true;
  } else if (found->get(integer) == simdjson::SUCCESS) {
    row_.id = fmt::format_int(integer).str();
  } else if (found->get(large) == simdjson::SUCCESS) {
    row_.id = fmt::format_int(large).str();
  } else {
    problem(field, ErrorKind::wrong_type,
            fmt::format("expected an integer or a string, found {}", dataset::kind_of(*found)));
  }
  take_own_id(field);
}

void RowReading::take_own_id(std::string_view field) {
  if (!row_.id_is_string && row_.id.empty()) return;
  if (!reading_.ids.insert((row_.id_is_string ? "s" : "i") + row_.id).second)
    problem(field, ErrorKind::duplicate, "expected an id of its own, found that of an earlier row");
}

void RowReading::set_id(std::string id) {
  row_.id = std::move(id);
  row_.id_is_string = true;
  take_own_id("id");
}

void RowReading::take_image(std::string_view field, std::string_view path) {
  if (auto detail = path_fault(path, reading_.images_folder); !detail.empty())
    return problem(field, ErrorKind::outside_root, std::move(detail));
  name_image(field, path);
}

std::optional<std::string> RowReading::picture(std::string_view field) {
  if (origin_.pictures == nullptr) return std::nullopt;
  for (const auto& [column, name] : *origin_.pictures) {
    if (column != field) continue;
    name_image(field, name);
    return name;
  }
  return std::nullopt;
}

void RowReading::name_image(std::string_view field, std::string_view path) {
  if (reading_.required != nullptr && !reading_.images.contains(std::string(path))) {
    if (const auto found = reading_.required->check(path); !found) {
      const Error& error = found.error();
      return problem(
          field, error.kind,
          fmt::format("expected the image {}: {}{}{}{}{}", path, error.what, error.where.empty() ? "" : ": ",
                      error.where, error.detail.empty() ? "" : ": ", error.detail));
    }
  }
  if (!reading_.names_images && reading_.required == nullptr) return;
  if (!reading_.images.emplace(path).second) return;
  if (!reading_.names_images) return;
  NamedImage named;
  named.file = reading_.file;
  named.row.index = row_.index;
  named.row.id = row_.id;
  named.row.id_is_string = row_.id_is_string;
  named.field = field;
  named.path = path;
  reading_.contents.named.push_back(std::move(named));
}

void RowReading::problem(std::string_view field, ErrorKind kind, std::string detail) {
  reading_.contents.problems.add(row_, field, kind, "invalid row", std::move(detail));
}

void RowReading::disagreement(std::string_view field, std::string detail) {
  reading_.contents.disagreements.add(row_, field, ErrorKind::mismatch, "contradictory row",
                                      std::move(detail));
}

bool RowReading::sound() const { return reading_.contents.problems.count() == problems_before_; }

Item RowReading::item() const {
  Item out;
  out.position = static_cast<std::int64_t>(reading_.items);
  out.id = row_.id;
  out.id_is_string = row_.id_is_string;
  out.json = json_;
  return out;
}

Result<std::unique_ptr<Rows>> open_rows(const RowFormat& format, const DataPlace& data) {
  HOLISAFE_TRY(auto files, SetFiles::open(format, data));
  return std::make_unique<SetRows>(format, std::move(files), true);
}

Result<std::unique_ptr<Rows>> Benchmark::open(const DataPlace& data) const {
  return open_rows(*format, data);
}

Result<std::unique_ptr<Rows>> Benchmark::open_file(InputFile rows) const {
  HOLISAFE_TRY(auto files, SetFiles::open(*format, std::move(rows)));
  return std::make_unique<SetRows>(*format, std::move(files), false);
}

Result<Contents> Benchmark::read_all(const DataPlace& data, const OnItem& on_item) const {
  return read_rows(*format, data, on_item);
}

Result<Contents> read_rows(const RowFormat& format, const DataPlace& data, const OnItem& on_item) {
  HOLISAFE_TRY(auto files, SetFiles::open(format, data));
  Reading reading = make_reading(format, files, true);
  HOLISAFE_CHECK(read_whole(format, files, reading, on_item));
  reading.contents.problems.set_file(reading.contents.file);
  return std::move(reading.contents);
}

Result<Contents> read_row_text(const RowFormat& format, const std::string& text,
                               const std::filesystem::path& file, const OnItem& on_item) {
  HOLISAFE_TRY(auto rows, dataset::RowFile::parse(text, file.string()));
  Reading reading = make_reading(format, file, images_beside(file, format.images_folder), true);
  read_piece(format, {.rows = std::move(rows)}, {}, file, reading, on_item);
  return std::move(reading.contents);
}

}  // namespace holisafe::benchmarks
