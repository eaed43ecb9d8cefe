// Prediction files of HoliSafe-Bench: the benchmark's rows with `prediction`. More is let through than in the
// data themselves: rows need no image, and those of an unknown type are skipped whatever else they hold.
#include <array>
#include <map>
#include <memory>
#include <memory_resource>
#include <unordered_map>

#include <fmt/format.h>

#include "benchmarks/holisafe.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::benchmarks {
namespace {

using dataset::Row;
using taxonomy::Combination;

metrics::Groups groups_of(Combination type, std::size_t subcategory) {
  const bool known = subcategory > 0;
  const auto& harm = taxonomy::classes()[subcategory];
  return {{"type", std::string(name(type))},
          {"category", known ? std::string(harm.category) : ""},
          {"subcategory", known ? std::string(harm.name) : ""}};
}

/// Reads the rows of one file one by one.
class Reader {
 public:
  Reader(const dataset::RowFile& file, const PredictionOptions& options, const OnPrediction& on_prediction)
      : file_(file), options_(options), on_prediction_(on_prediction) {}

  Result<void> add(const Row& row) {
    HOLISAFE_CHECK(check_id(row));
    for (const Row::Problem& problem : row.problems) {
      // A prediction that is none may be let through; one that stands twice is two.
      if (problem.field != "prediction" || problem.error.kind == ErrorKind::duplicate)
        return fail(problem_error(row, problem));
    }
    if (!row.type) {
      return fail(
          ErrorKind::missing, "row without a type", row.where(file_.name(), "type"),
          "expected one of SSS, SSU, USU, SUU, UUU, found nothing (--data joins rows of id and answer)");
    }
    const auto type = taxonomy::parse_combination(*row.type);
    if (!type) {
      ++out_.skipped;
      ++skipped_types_[std::string(*row.type)];
      return {};
    }
    HOLISAFE_CHECK(check_prediction(row));
    Item& item = item_at(*type, subcategory(row));
    if (!row.image) ++rows_without_image_;
    item.cluster = row.image.value_or("");
    warn_of_disagreement(row, *type);
    if (options_.texts) add_texts(row, item);
    if (row.prediction) answers_[0] = *row.prediction;
    on_prediction_(item, std::span(answers_).first(row.prediction ? 1 : 0));
    return {};
  }

  PredictionsRead finish() {
    const auto& name = file_.name();
    for (const auto& [type, rows] : skipped_types_) {
      out_.left_out.push_back({"skipped: unknown type", type, rows});
      out_.warnings.push_back(
          fmt::format("rows of unknown type skipped: {}: type \"{}\": {} rows", name, type, rows));
    }
    for (const auto& [subcategory, rows] : unknown_subcategories_) {
      out_.left_out.push_back({"counted by type only: unknown subcategory", subcategory, rows});
      out_.warnings.push_back(
          fmt::format("rows of unknown subcategory counted by type only: {}: subcategory \"{}\": {} rows",
                      name, subcategory, rows));
    }
    if (rows_without_image_ > 0) {
      out_.warnings.push_back(fmt::format("rows without an image counted as images of their own: {}: {} rows",
                                          name, rows_without_image_));
    }
    return std::move(out_);
  }

 private:
  [[nodiscard]] Error problem_error(const Row& row, const Row::Problem& problem) const {
    return {problem.error.kind, "bad row", row.where(file_.name(), problem.field), problem.error.detail};
  }

  Result<void> check_id(const Row& row) {
    for (const Row::Problem& problem : row.problems) {
      if (problem.field == "id") return fail(problem_error(row, problem));
    }
    auto& rows = row.id_is_string ? string_ids_ : integer_ids_;
    const auto [place, added] = rows.try_emplace(row.id, row.index);
    if (added) return {};
    return fail(ErrorKind::duplicate, "id stands twice", row.where(file_.name(), "id"),
                fmt::format("expected every id once, found {} in row {} (index {}) too", row.id,
                            place->second + 1, place->second));
  }

  [[nodiscard]] Result<void> check_prediction(const Row& row) const {
    if (row.prediction || options_.allow_missing) return {};
    for (const Row::Problem& problem : row.problems) {
      if (problem.field == "prediction") return fail(problem_error(row, problem));
    }
    return fail(ErrorKind::missing, "row without a prediction", row.where(file_.name(), "prediction"),
                "expected a string, found nothing or null (--allow-missing counts such rows as unjudged)");
  }

  std::size_t subcategory(const Row& row) {
    const std::string_view name = row.subcategory.value_or("");
    const auto index = taxonomy::parse_class(name);
    if (index && *index > 0) return *index;
    ++unknown_subcategories_[std::string(name)];
    return 0;
  }

  /// An item for each place, so that its groups are made once.
  Item& item_at(Combination type, std::size_t subcategory) {
    auto& item = items_[static_cast<std::size_t>(type) * taxonomy::class_count + subcategory];
    if (!item) {
      item = std::make_unique<Item>();
      item->groups = groups_of(type, subcategory);
    }
    return *item;
  }

  static void add_texts(const Row& row, Item& item) {
    item.id = row.id;
    item.id_is_string = row.id_is_string;
    item.query = row.query.value_or("");
    item.parts = {chat::Image{.file = std::string(row.image.value_or("")), .bytes = nullptr}, item.query};
  }

  void warn_of_disagreement(const Row& row, Combination type) {
    const bool safe = taxonomy::image_safe(type);
    if (row.image_safety_label && !taxonomy::label_fits(type, *row.image_safety_label)) {
      out_.warnings.push_back(fmt::format("label disagrees with the type: {}: expected {} for {}, found {}",
                                          row.where(file_.name(), "image_safety_label"),
                                          safe ? "0" : "1 to 19", taxonomy::name(type),
                                          *row.image_safety_label));
    }
    if (row.image_safe && *row.image_safe != safe) {
      out_.warnings.push_back(fmt::format("label disagrees with the type: {}: expected {} for {}, found {}",
                                          row.where(file_.name(), "image_safe"), safe, taxonomy::name(type),
                                          *row.image_safe));
    }
  }

  const dataset::RowFile& file_;
  const PredictionOptions& options_;
  const OnPrediction& on_prediction_;
  PredictionsRead out_;
  std::array<std::unique_ptr<Item>, taxonomy::combination_count * taxonomy::class_count> items_;
  std::array<std::string, 1> answers_;
  std::pmr::monotonic_buffer_resource memory_{std::size_t{256} << 10U};  ///< freed at once, not row by row
  std::pmr::unordered_map<std::string, std::size_t> integer_ids_{&memory_};
  std::pmr::unordered_map<std::string, std::size_t> string_ids_{&memory_};
  std::map<std::string, std::uint64_t> skipped_types_;
  std::map<std::string, std::uint64_t> unknown_subcategories_;
  std::uint64_t rows_without_image_ = 0;
};

}  // namespace

Result<PredictionsRead> read_holisafe_predictions(const dataset::RowFile& file,
                                                  const PredictionOptions& options,
                                                  const OnPrediction& on_prediction) {
  Reader reader(file, options, on_prediction);
  HOLISAFE_CHECK(file.for_each([&](const Row& row) { return reader.add(row); }));
  return reader.finish();
}

}  // namespace holisafe::benchmarks
