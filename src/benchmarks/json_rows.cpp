#include "benchmarks/json_rows.h"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "dataset/row_elements.h"
#include "dataset/row_stream.h"

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

std::filesystem::path file_of(const RowFormat& format, const std::filesystem::path& data) {
  std::error_code code;
  return std::filesystem::is_directory(data, code) ? data / format.file_name : data;
}

std::filesystem::path images_beside(const std::filesystem::path& file, std::string_view images_folder) {
  const auto folder = folder_beside(file);
  return images_folder.empty() ? folder : folder / images_folder;
}

Reading make_reading(const RowFormat& format, const std::filesystem::path& file, bool names_images) {
  const std::string name = file.string();
  return {{.file = name,
           .images = images_beside(file, format.images_folder),
           .rows = 0,
           .sound = 0,
           .named = {},
           .problems = dataset::Problems(name),
           .disagreements = dataset::Problems(name)},
          format.images_folder,
          names_images};
}

void read_rows(const RowFormat& format, const dataset::RowFile& piece, Reading& reading,
               const OnItem& on_item) {
  const auto texts = piece.row_texts();
  std::size_t index = 0;
  for (const auto element : dataset::RowElements::of(piece)) {
    const std::uint64_t position = reading.contents.rows++;
    dom::object object;
    if (element.get(object) == simdjson::SUCCESS) {
      RowReading row(reading, position, object, texts[index]);
      const auto item = format.read(row);
      row.note_repeated_fields();
      if (item && row.sound()) {
        ++reading.contents.sound;
        if (on_item) on_item(*item);
      }
    } else {
      RowReading row(reading, position, {}, {});
      row.problem("", ErrorKind::wrong_type,
                  fmt::format("expected an object, found {}", dataset::kind_of(element)));
    }
    ++index;
  }
}

/// Reads a whole file piece by piece, and says of one that is no list of rows what is wrong with it.
Result<Contents> read_whole(const RowFormat& format, dataset::RowStream stream, const OnItem& on_item) {
  const std::filesystem::path& file = stream.file().path();
  Reading reading = make_reading(format, file, true);
  while (true) {
    const auto piece = stream.next_rows(rows_at_once);
    if (!piece) {
      // The stream knows that something is wrong with an array; the parser of whole files says it better.
      if (!stream.in_lines()) HOLISAFE_CHECK(dataset::RowFile::open(stream.file()));
      return fail(piece.error());
    }
    if (!*piece) break;
    read_rows(format, **piece, reading, on_item);
  }
  if (reading.contents.rows == 0)
    return fail(ErrorKind::missing, "no rows", file.string(),
                "expected at least one row, found an empty array");
  return std::move(reading.contents);
}

class JsonRows : public Rows {
 public:
  JsonRows(const RowFormat& format, dataset::RowStream stream)
      : format_(format),
        stream_(std::move(stream)),
        reading_(make_reading(format, stream_.file().path(), false)) {}

  Result<std::vector<Item>> next(std::size_t most) override {
    std::vector<Item> out;
    const auto piece = stream_.next_rows(most);
    if (!piece || (!*piece && reading_.contents.rows == 0)) return fail(whole_file_error());
    if (!*piece) return out;
    read_rows(format_, **piece, reading_, [&](const Item& item) { out.push_back(item); });
    if (!reading_.contents.problems.empty()) return fail(whole_file_error());
    return out;
  }

  void rewind() override {
    stream_.rewind();
    reading_ = make_reading(format_, stream_.file().path(), false);
  }

  [[nodiscard]] std::filesystem::path images() const override { return reading_.contents.images; }
  [[nodiscard]] std::filesystem::path file() const override { return stream_.file().path(); }
  [[nodiscard]] Result<Digest> sha256() const override { return stream_.file().sha256(); }
  [[nodiscard]] std::uint64_t disagreements() const override {
    return reading_.contents.disagreements.count();
  }

 private:
  /// What is wrong with the file as a whole: its first problem, and how many there are.
  Error whole_file_error() {
    stream_.rewind();
    const auto contents = read_whole(format_, stream_, {});
    if (!contents) return contents.error();
    if (contents->problems.empty())
      return {ErrorKind::mismatch, "file changed while it was read", file().string(), ""};
    Error first = contents->problems.kept().front();
    first.detail +=
        fmt::format(" ({} such problems; `holisafe data check` shows all)", contents->problems.count());
    return first;
  }

  const RowFormat& format_;
  dataset::RowStream stream_;
  Reading reading_;
};

}  // namespace

RowReading::RowReading(Reading& reading, std::uint64_t position, dom::object object, std::string_view json)
    : reading_(reading), object_(object), json_(json), problems_before_(reading.contents.problems.count()) {
  row_.index = position;
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

void RowReading::take_image(std::string_view field, std::string_view path) {
  if (auto detail = path_fault(path, reading_.images_folder); !detail.empty())
    return problem(field, ErrorKind::outside_root, std::move(detail));
  if (!reading_.names_images || !reading_.images.emplace(path).second) return;
  NamedImage named;
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
  out.position = static_cast<std::int64_t>(row_.index);
  out.id = row_.id;
  out.id_is_string = row_.id_is_string;
  out.json = json_;
  return out;
}

Result<std::unique_ptr<Rows>> open_json_rows(const RowFormat& format, const std::filesystem::path& data) {
  HOLISAFE_TRY(auto file, InputFile::open(file_of(format, data)));
  return open_json_rows(format, std::move(file));
}

Result<std::unique_ptr<Rows>> open_json_rows(const RowFormat& format, InputFile rows) {
  HOLISAFE_TRY(auto stream, dataset::RowStream::open(std::move(rows)));
  return std::make_unique<JsonRows>(format, std::move(stream));
}

Result<Contents> read_json_rows(const RowFormat& format, const std::filesystem::path& data,
                                const OnItem& on_item) {
  HOLISAFE_TRY(auto stream, dataset::RowStream::open(file_of(format, data)));
  return read_whole(format, std::move(stream), on_item);
}

Result<Contents> read_json_text(const RowFormat& format, const std::string& text,
                                const std::filesystem::path& file, const OnItem& on_item) {
  HOLISAFE_TRY(const auto rows, dataset::RowFile::parse(text, file.string()));
  Reading reading = make_reading(format, file, true);
  read_rows(format, rows, reading, on_item);
  return std::move(reading.contents);
}

}  // namespace holisafe::benchmarks
