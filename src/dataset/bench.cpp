#include "dataset/bench.h"

#include <unordered_set>

#include <fmt/format.h>

#include "base/file.h"
#include "dataset/row_elements.h"

namespace holisafe::dataset {
namespace {

using taxonomy::Combination;

constexpr std::string_view invalid_row = "invalid row";

/// Why an image path can't be used whatever the disk holds; empty if it can.
std::string path_fault(std::string_view path) {
  if (path.empty()) return "expected a path, found an empty string";
  if (path.find('\0') != std::string_view::npos) return "expected a path, found a NUL character";
  if (path.front() == '/') return "expected a path relative to images/, found an absolute one";
  for (const auto& part : std::filesystem::path(path)) {
    if (part == "..") return "expected a path beneath images/, found \"..\"";
  }
  return {};
}

/// Turns the rows of a file into samples.
class BenchReading {
 public:
  explicit BenchReading(BenchData& bench) : bench_(bench) {}

  void add(const Row& row, std::string_view json) {
    const std::uint64_t before = bench_.problems.count();
    for (const auto& [field, error] : row.problems) problem(row, field, error.kind, error.detail);
    require(row, "image", row.image.has_value(), "a string");
    require(row, "query", row.query.has_value(), "a string");
    require(row, "type", row.type.has_value(), "a string");
    require(row, "category", row.category.has_value(), "a string");
    require(row, "subcategory", row.subcategory.has_value(), "a string");
    require(row, "image_safe", row.image_safe.has_value(), "a boolean");
    require(row, "image_safety_label", row.image_safety_label.has_value(), "an integer");
    const auto type = check_type(row);
    check_values(row);
    if (bench_.problems.count() != before) return;
    bench_.samples.push_back({row.index, row.id, row.id_is_string, *row.image, *row.query, *type,
                              *row.category, *row.subcategory, 0, *row.image_safe,
                              static_cast<std::uint8_t>(*row.image_safety_label), json});
    check_agreement(row, bench_.samples.back());
  }

  void not_a_row(std::size_t index, simdjson::dom::element element) {
    Row row;
    row.index = index;
    problem(row, "", ErrorKind::wrong_type, fmt::format("expected an object, found {}", kind_of(element)));
  }

 private:
  void problem(const Row& row, std::string_view field, ErrorKind kind, std::string detail) {
    bench_.problems.add(row, field, kind, std::string(invalid_row), std::move(detail));
  }

  /// A field of another kind has been noted as such.
  void require(const Row& row, std::string_view field, bool found, std::string_view kind) {
    if (found) return;
    for (const auto& each : row.problems) {
      if (each.field == field) return;
    }
    problem(row, field, ErrorKind::missing, fmt::format("expected {}, found nothing", kind));
  }

  std::optional<Combination> check_type(const Row& row) {
    if (!row.type) return std::nullopt;
    const auto type = taxonomy::parse_combination(*row.type);
    if (!type) {
      problem(row, "type", ErrorKind::out_of_range,
              fmt::format("expected SSS, SSU, USU, SUU or UUU, found \"{}\"", *row.type));
    }
    return type;
  }

  void check_values(const Row& row) {
    const std::string key = (row.id_is_string ? "s" : "i") + row.id;
    if ((row.id_is_string || !row.id.empty()) && !ids_.insert(key).second)
      problem(row, "id", ErrorKind::duplicate, "expected an id of its own, found that of an earlier row");
    if (row.image) {
      if (auto detail = path_fault(*row.image); !detail.empty()) {
        problem(row, "image", ErrorKind::outside_root, std::move(detail));
      } else if (images_.insert(*row.image).second) {
        bench_.named_images.push_back({row.index, row.id, row.id_is_string, *row.image});
      }
    }
    const auto label = row.image_safety_label.value_or(0);
    if (label < 0 || label >= static_cast<std::int64_t>(taxonomy::class_count)) {
      problem(row, "image_safety_label", ErrorKind::out_of_range,
              fmt::format("expected 0 to {}, found {}", taxonomy::class_count - 1, label));
    }
  }

  /// Notes where a sound row contradicts itself, and fills in the subcategory's class.
  void check_agreement(const Row& row, Sample& sample) {
    const auto note = [&](std::string_view field, std::string detail) {
      bench_.disagreements.add(row, field, ErrorKind::mismatch, "contradictory row", std::move(detail));
    };
    const bool safe = taxonomy::image_safe(sample.type);
    if (sample.image_safe != safe) {
      note("image_safe",
           fmt::format("expected {} for type {}, found {}", safe, name(sample.type), sample.image_safe));
    }
    if (!taxonomy::label_fits(sample.type, sample.image_safety_label)) {
      note("image_safety_label", fmt::format("expected {} for type {}, found {}", safe ? "0" : "1 to 19",
                                             name(sample.type), sample.image_safety_label));
    }
    const auto index = taxonomy::parse_class(sample.subcategory);
    if (!index || (*index == 0 && sample.type != Combination::SSS)) {
      note("subcategory",
           fmt::format("expected one of the 19 harm subcategories, found \"{}\"", sample.subcategory));
      return;
    }
    sample.subcategory_class = static_cast<std::uint8_t>(*index);
    const auto category = taxonomy::classes()[*index].category;
    if (sample.category != category) {
      note("category", fmt::format("expected \"{}\" for subcategory \"{}\", found \"{}\"", category,
                                   sample.subcategory, sample.category));
    }
  }

  BenchData& bench_;
  std::unordered_set<std::string> ids_;
  std::unordered_set<std::string_view> images_;
};

BenchData from_rows(const RowFile& file, const std::filesystem::path& path) {
  BenchData bench{path.parent_path(), file, {}, {}, Problems(file.name()), Problems(file.name())};
  BenchReading reading(bench);
  const auto texts = file.row_texts();
  std::size_t index = 0;
  for (const auto element : RowElements::of(file)) {
    simdjson::dom::object object;
    if (element.get(object) == simdjson::SUCCESS) {
      Row row;
      row.index = index;
      RowElements::fill(row, object);
      reading.add(row, texts[index]);
    } else {
      reading.not_a_row(index, element);
    }
    ++index;
  }
  bench.rows = index;
  return bench;
}

}  // namespace

Result<BenchData> read_bench(const std::filesystem::path& path) {
  std::error_code code;
  const auto file = std::filesystem::is_directory(path, code) ? path / bench_file_name : path;
  HOLISAFE_TRY(RowFile rows, RowFile::open(file.string()));
  return from_rows(rows, file);
}

Result<BenchData> parse_bench(std::string text, const std::filesystem::path& file) {
  HOLISAFE_TRY(RowFile rows, RowFile::parse(std::move(text), file.string()));
  return from_rows(rows, file);
}

Result<void> check_images(const BenchData& bench, const CheckImage& check_image, Problems& problems,
                          Progress* progress, const StopFlag& stop) {
  std::uint64_t done = 0;
  for (const NamedImage& named : bench.named_images) {
    if (stop.requested()) return fail(ErrorKind::interrupted, "stopped", bench.file.name());
    const auto path = resolve_beneath(bench.images(), named.image);
    const auto checked = path ? check_image(*path) : Result<void>(fail(path.error()));
    if (!checked) {
      Row row;
      row.index = named.row;
      row.id = named.id;
      row.id_is_string = named.id_is_string;
      const Error& error = checked.error();
      problems.add(row, "image", error.kind, error.what,
                   fmt::format("{}{}{}", named.image, error.detail.empty() ? "" : ": ", error.detail));
    }
    if (progress != nullptr) progress->update(++done, bench.named_images.size(), "");
  }
  return {};
}

}  // namespace holisafe::dataset
