#include "runs/run_rows.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace holisafe::runs {
namespace {

constexpr const char* filter_as_key = "filter-as";
constexpr const char* empty_as_key = "empty-as";

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

std::string run_name(const store::Identity& identity) {
  for (const auto& [name, value] : identity) {
    if (name == "model") return value;
  }
  return "run";
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
  }
  return "unjudged";
}

std::optional<CountAs> parse_count_as(std::string_view text) {
  for (const auto each : {CountAs::unjudged, CountAs::refused, CountAs::complied}) {
    if (text == name(each)) return each;
  }
  return std::nullopt;
}

Result<Counting> counting(const store::RunStore& store) {
  Counting out;
  HOLISAFE_TRY(out.filtered, kept_choice(store, filter_as_key, "refused or unjudged",
                                         {CountAs::refused, CountAs::unjudged}));
  HOLISAFE_TRY(out.empty, kept_choice(store, empty_as_key, "unjudged, refused or complied",
                                      {CountAs::unjudged, CountAs::refused, CountAs::complied}));
  return out;
}

Result<void> put_counting(store::RunStore& store, const Counting& counting) {
  HOLISAFE_CHECK(store.put_value(filter_as_key, std::string(name(counting.filtered))));
  return store.put_value(empty_as_key, std::string(name(counting.empty)));
}

std::string contradictions(const std::filesystem::path& data, std::uint64_t rows) {
  return fmt::format("{}: {} rows contradict themselves; `holisafe data check` shows them", data.string(),
                     rows);
}

Result<void> remember_images(store::RunStore& store, const std::filesystem::path& images) {
  return store.put_value("images", std::filesystem::absolute(images).lexically_normal().string());
}

Result<std::filesystem::path> images_of(const store::RunStore& store) {
  HOLISAFE_TRY(const auto images, store.value("images"));
  if (images) return std::filesystem::path(*images);
  return fail(ErrorKind::missing, "run without its images folder", store.folder().string(),
              "expected the folder in run.db, found none");
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

Result<const store::Row*> RunRows::next() {
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
  return first == nullptr ? nullptr : &first->row;
}

}  // namespace holisafe::runs
