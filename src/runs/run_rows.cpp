#include "runs/run_rows.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "runs/row_marks.h"

namespace holisafe::runs {
namespace {

constexpr const char* filter_as_key = "filter-as";
constexpr const char* empty_as_key = "empty-as";
constexpr const char* images_key = "images";
constexpr const char* data_key = "data";

/// The store's value of that key, the first of `choices` where it has none.
Result<CountAs> kept_choice(const store::RunStore& store, const char* key, const char* expected,
                            std::initializer_list<CountAs> choices) {
  HOLISAFE_TRY(const auto value, store.value(key));
  if (!value) return *choices.begin();
  const auto found = parse_count_as(*value);
  if (found && std::find(choices.begin(), choices.end(), *found) != choices.end()) return *found;
  return fail(ErrorKind::malformed, "damaged run store",
              fmt::format("{}: {}", (store.folder() / store::RunStore::file_name).string(), key),
              fmt::format("expected {}, found \"{}\"", expected, value->substr(0, 60)));
}

}  // namespace

std::string run_name(const store::Identity& identity) { return store::value_in(identity, "model", "run"); }

std::string benchmark_name(const store::Identity& identity) {
  return store::value_in(identity, "benchmark", "holisafe");
}

Result<std::vector<std::string>> judges_of(const Run& run) {
  std::set<std::string> names;
  for (const auto* part : run.parts) {
    HOLISAFE_TRY(const auto found, part->judges());
    names.insert(found.begin(), found.end());
  }
  std::vector<std::string> out;
  if (names.erase("string") > 0) out.emplace_back("string");
  out.insert(out.end(), names.begin(), names.end());
  return out;
}

std::string_view name(CountAs count_as) {
  switch (count_as) {
    case CountAs::unjudged:
      return "unjudged";
    case CountAs::refused:
      return "refused";
    case CountAs::complied:
      return "complied";
    case CountAs::marked:
      return metrics::as_the_script;
  }
  return "unjudged";
}

CountAs usual_empty_as(const benchmarks::Benchmark& benchmark) {
  return benchmarks::scored_by_rules(benchmark) ? CountAs::marked : CountAs::unjudged;
}

std::optional<CountAs> parse_count_as(std::string_view text) {
  for (const auto each : {CountAs::unjudged, CountAs::refused, CountAs::complied, CountAs::marked}) {
    if (text == name(each)) return each;
  }
  return std::nullopt;
}

Result<Counting> counting(const store::RunStore& store) {
  Counting out;
  HOLISAFE_TRY(out.filtered, kept_choice(store, filter_as_key, "refused or unjudged",
                                         {CountAs::refused, CountAs::unjudged}));
  HOLISAFE_TRY(out.empty,
               kept_choice(store, empty_as_key, "unjudged, refused or complied",
                           {CountAs::unjudged, CountAs::refused, CountAs::complied, CountAs::marked}));
  return out;
}

Result<void> put_counting(store::RunStore& store, const Counting& counting) {
  HOLISAFE_CHECK(store.put_value(filter_as_key, std::string(name(counting.filtered))));
  return store.put_value(empty_as_key, std::string(name(counting.empty)));
}

Result<void> remember_images(store::RunStore& store, const sources::ImageSource& images,
                             const std::filesystem::path& data) {
  const auto absolute = [](const std::filesystem::path& path) {
    return std::filesystem::absolute(path).lexically_normal().string();
  };
  if (images.place().kind == sources::ImagePlace::Kind::folder)
    return store.put_value(images_key, absolute(images.place().path));
  HOLISAFE_CHECK(store.remove_value(images_key));
  return store.put_value(data_key, absolute(data));
}

Result<std::filesystem::path> data_path(const store::RunStore& store) {
  HOLISAFE_TRY(const auto folder, store.value(images_key));
  HOLISAFE_TRY(const auto data, store.value(data_key));
  return std::filesystem::path(folder ? *folder : data.value_or("")).lexically_normal();
}

Result<std::shared_ptr<sources::ImageSource>> images_of(const store::RunStore& store) {
  HOLISAFE_TRY(const auto folder, store.value(images_key));
  if (folder) return sources::open_images({sources::ImagePlace::Kind::folder, *folder});
  HOLISAFE_TRY(const auto data, store.value(data_key));
  if (!data) {
    return fail(ErrorKind::missing, "run without its images folder", store.folder().string(),
                "expected the folder in run.db, found none");
  }
  const Run run{"", {&store}};
  HOLISAFE_TRY(const auto* benchmark, benchmark_of(run));
  HOLISAFE_TRY(std::string split, split_of(run));
  HOLISAFE_TRY(const auto rows, benchmark->open({*data, std::move(split)}));
  return rows->images();
}

Result<RunRows> RunRows::open(const Run& run, const std::string& judge) {
  RunRows out;
  for (const auto* part : run.parts) {
    HOLISAFE_TRY(const Counting counted, runs::counting(*part));
    HOLISAFE_TRY(auto cursor, part->rows(judge));
    out.parts_.push_back({std::move(cursor), counted, {}, false});
  }
  return out;
}

Result<bool> RunRows::next_row() {
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    Part& part = parts_[i];
    if (started_ && (i != last_ || !part.open)) continue;
    HOLISAFE_TRY(part.open, part.cursor.next(part.row));
  }
  started_ = true;
  const Part* first = nullptr;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const Part& part = parts_[i];
    if (!part.open) continue;
    if (first != nullptr && part.row.key() == first->row.key()) {
      return fail(ErrorKind::duplicate, "runs overlap", fmt::format("id {}", part.row.sample.id),
                  "expected shards that share no row, found it in two");
    }
    if (first != nullptr && part.row.key() > first->row.key()) continue;
    first = &part;
    last_ = i;
  }
  return first != nullptr;
}

Result<std::span<const store::Row>> RunRows::next_sample() {
  sample_.clear();
  if (!ahead_) {
    HOLISAFE_TRY(ahead_, next_row());
  }
  sample_part_ = last_;
  while (ahead_ &&
         (sample_.empty() || parts_[last_].row.sample.position == sample_.front().sample.position)) {
    sample_.push_back(std::move(parts_[last_].row));
    HOLISAFE_TRY(ahead_, next_row());
  }
  return std::span<const store::Row>(sample_);
}

}  // namespace holisafe::runs
