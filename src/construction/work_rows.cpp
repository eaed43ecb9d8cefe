// Images and pairs of a build: reading and writing their rows.
#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "construction/work.h"
#include "construction/work_tables.h"
#include "store/columns.h"

namespace holisafe::construction {
namespace {

/// So many are read before a visitor gets the first of them, and may write.
constexpr std::size_t rows_a_page = 256;

constexpr const char* image_names =
    "id, source, path, file, bytes, modified, sha256, pixels, width, height, pdq, pdq_quality, cluster, "
    "state, duplicate_of, reason, label, votes, subcategory, license, origin, side";
constexpr const char* pair_names =
    "id, image, type, subcategory, state, filter, rewrites, brought, writer, checker, prompt_sha256, "
    "instruction, response, reason, decision, reviewer, before_instruction, before_response, place";

/// A statement with a condition for each field of a filter that is set, all but `after` and `limit`.
std::string conditions(const ImageFilter& filter) {
  return fmt::format("{}{}", filter.state ? "state = ? AND " : "", filter.cluster ? "cluster = ? AND " : "");
}
std::string conditions(const PairFilter& filter) {
  return fmt::format("{}{}{}{}{}", filter.image ? "image = ? AND " : "", filter.state ? "state = ? AND " : "",
                     filter.type ? "type = ? AND " : "", filter.subcategory ? "subcategory = ? AND " : "",
                     filter.undecided ? "decision IS NULL AND " : "");
}

void bind_conditions(store::Statement& statement, const ImageFilter& filter) {
  if (filter.state) statement.bind(name(*filter.state));
  if (filter.cluster) statement.bind(*filter.cluster);
}
void bind_conditions(store::Statement& statement, const PairFilter& filter) {
  if (filter.image) statement.bind(*filter.image);
  if (filter.state) statement.bind(name(*filter.state));
  if (filter.type) statement.bind(taxonomy::name(*filter.type));
  if (filter.subcategory) statement.bind(static_cast<std::int64_t>(*filter.subcategory));
}

/// Calls `visit` with the rows that a filter lets through, a page at a time: no statement is open meanwhile.
template <class Row, class Filter>
Result<void> visit_rows(const store::Database& database, const char* table, const char* columns,
                        Result<void> (*read)(const store::Statement&, Row&), const Filter& filter,
                        const std::function<Result<void>(const Row&)>& visit) {
  const std::string sql =
      fmt::format("SELECT {} FROM {} WHERE {}id > ? ORDER BY id LIMIT ?", columns, table, conditions(filter));
  std::size_t left = filter.limit == 0 ? std::numeric_limits<std::size_t>::max() : filter.limit;
  std::int64_t after = filter.after;
  while (left > 0) {
    const std::size_t most = std::min(left, rows_a_page);
    std::vector<Row> rows;
    {
      HOLISAFE_TRY(store::Statement statement, database.prepare(sql));
      bind_conditions(statement, filter);
      statement.bind(after).bind(static_cast<std::int64_t>(most));
      HOLISAFE_TRY(rows, rows_of<Row>(statement, read));
    }
    for (const Row& row : rows) HOLISAFE_CHECK(visit(row));
    if (rows.size() < most) return {};
    left -= rows.size();
    after = rows.back().id;
  }
  return {};
}

/// The row of a statement that gives one at most.
template <class Row>
Result<std::optional<Row>> row_of(store::Statement& statement,
                                  Result<void> (*read)(const store::Statement&, Row&)) {
  std::optional<Row> out;
  HOLISAFE_TRY(const bool found, statement.step());
  if (found) HOLISAFE_CHECK(read(statement, out.emplace()));
  return out;
}

Result<std::int64_t> number_of(store::Statement& statement) {
  HOLISAFE_TRY(const bool found, statement.step());
  return found ? statement.integer(0) : 0;
}

Result<std::int64_t> number_of(const store::Database& database, const char* sql) {
  HOLISAFE_TRY(store::Statement statement, database.prepare(sql));
  return number_of(statement);
}

/// "INSERT …" that replaces a row with the same key, the first of the names.
std::string put_sql(const char* table, std::string_view names) {
  const std::size_t end_of_key = names.find(',');
  std::string replaced;
  for (std::size_t at = end_of_key; at != std::string_view::npos;) {
    const std::size_t begin = at + 2;
    at = names.find(',', begin);
    const std::string_view column = names.substr(begin, at - begin);
    replaced += fmt::format("{}{} = excluded.{}", replaced.empty() ? "" : ", ", column, column);
  }
  return fmt::format("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO UPDATE SET {}", table, names,
                     places_for(names), names.substr(0, end_of_key), replaced);
}

Result<void> read_look(const store::Statement& statement, Look& out) {
  store::Columns columns(statement, "looks", std::nullopt);
  HOLISAFE_CHECK(columns.integer("image", 0, store::largest_integer, out.image_id));
  std::string_view bytes;
  HOLISAFE_CHECK(columns.bytes("frequencies", bytes));
  out.frequencies = bytes;
  HOLISAFE_CHECK(columns.bytes("sketch", bytes));
  out.sketch = bytes;
  return {};
}

}  // namespace

// Images.

Result<void> Work::write(std::span<const ImageRow> images) {
  if (images.empty()) return {};
  return together([&]() -> Result<void> {
    HOLISAFE_TRY(store::Statement statement, database_.prepare(put_sql("images", image_names)));
    for (const ImageRow& image : images) {
      bind_image(statement, image);
      HOLISAFE_CHECK(statement.run());
    }
    return {};
  });
}

Result<std::optional<ImageRow>> Work::image(std::int64_t id) const {
  HOLISAFE_TRY(store::Statement statement,
               database_.prepare(fmt::format("SELECT {} FROM images WHERE id = ?", image_columns)));
  return row_of<ImageRow>(statement.bind(id), read_image);
}

Result<std::optional<ImageRow>> Work::image_at(std::string_view source, std::string_view path) const {
  HOLISAFE_TRY(
      store::Statement statement,
      database_.prepare(fmt::format("SELECT {} FROM images WHERE source = ? AND path = ?", image_columns)));
  return row_of<ImageRow>(statement.bind_bytes(source).bind_bytes(path), read_image);
}

Result<void> Work::for_each_image(const std::function<Result<void>(const ImageRow&)>& visit) const {
  return for_each_image({}, visit);
}

Result<void> Work::for_each_image(const ImageFilter& filter,
                                  const std::function<Result<void>(const ImageRow&)>& visit) const {
  return visit_rows<ImageRow>(database_, "images", image_columns, read_image, filter, visit);
}

Result<std::int64_t> Work::image_count() const { return number_of(database_, "SELECT count(*) FROM images"); }

Result<std::int64_t> Work::next_image_id() const {
  return number_of(database_, "SELECT coalesce(max(id) + 1, 0) FROM images");
}

Result<std::vector<std::uint64_t>> Work::image_states() const {
  HOLISAFE_TRY(store::Statement statement, database_.prepare("SELECT count(*) FROM images WHERE state = ?"));
  std::vector<std::uint64_t> out;
  for (int i = 0; i <= static_cast<int>(ImageState::quarantined); ++i) {
    HOLISAFE_TRY(const std::int64_t count, number_of(statement.bind(name(static_cast<ImageState>(i)))));
    out.push_back(static_cast<std::uint64_t>(count));
    HOLISAFE_CHECK(statement.run());  // to its end, so that it can be bound again
  }
  return out;
}

Result<std::uint64_t> Work::cluster_count() const {
  HOLISAFE_TRY(const std::int64_t count,
               number_of(database_,
                         "SELECT count(*) FROM (SELECT DISTINCT cluster FROM images "
                         "WHERE cluster IS NOT NULL)"));
  return static_cast<std::uint64_t>(count);
}

Result<std::vector<std::pair<std::int64_t, std::int64_t>>> Work::equal_pixels() const {
  HOLISAFE_TRY(store::Statement statement,
               database_.prepare("SELECT pixels, id FROM images WHERE pixels > '' ORDER BY pixels, id"));
  std::vector<std::pair<std::int64_t, std::int64_t>> out;
  std::string pixels;
  std::int64_t first = -1;
  while (true) {
    HOLISAFE_TRY(const bool found, statement.step());
    if (!found) break;
    store::Columns columns(statement, "images", std::nullopt);
    std::string_view here;
    std::int64_t id = 0;
    HOLISAFE_CHECK(columns.text("pixels", here));
    HOLISAFE_CHECK(columns.integer("id", 0, store::largest_integer, id));
    if (here == pixels) {
      out.emplace_back(id, first);
    } else {
      pixels = here;
      first = id;
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

Result<void> Work::write(std::span<const Look> looks) {
  if (looks.empty()) return {};
  return together([&]() -> Result<void> {
    HOLISAFE_TRY(store::Statement statement,
                 database_.prepare(put_sql("looks", "image, frequencies, sketch")));
    for (const Look& look : looks)
      HOLISAFE_CHECK(
          statement.bind(look.image_id).bind_bytes(look.frequencies).bind_bytes(look.sketch).run());
    return {};
  });
}

Result<std::optional<Look>> Work::look(std::int64_t image) const {
  HOLISAFE_TRY(store::Statement statement,
               database_.prepare("SELECT image, frequencies, sketch FROM looks WHERE image = ?"));
  return row_of<Look>(statement.bind(image), read_look);
}

Result<void> Work::for_each_look(const std::function<Result<void>(const Look&)>& visit) const {
  HOLISAFE_TRY(store::Statement statement,
               database_.prepare("SELECT image, frequencies, x'' FROM looks ORDER BY image"));
  while (true) {
    HOLISAFE_TRY(const bool found, statement.step());
    if (!found) return {};
    Look look;
    HOLISAFE_CHECK(read_look(statement, look));
    HOLISAFE_CHECK(visit(look));
  }
}

// Pairs.

Result<void> Work::write(std::span<const PairRow> pairs) {
  if (pairs.empty()) return {};
  return together([&]() -> Result<void> {
    HOLISAFE_TRY(store::Statement statement, database_.prepare(put_sql("pairs", pair_names)));
    for (const PairRow& pair : pairs) {
      bind_pair(statement, pair);
      HOLISAFE_CHECK(statement.run());
    }
    return {};
  });
}

Result<std::optional<PairRow>> Work::pair(std::int64_t id) const {
  HOLISAFE_TRY(store::Statement statement,
               database_.prepare(fmt::format("SELECT {} FROM pairs WHERE id = ?", pair_columns)));
  return row_of<PairRow>(statement.bind(id), read_pair);
}

Result<void> Work::for_each_pair(const PairFilter& filter,
                                 const std::function<Result<void>(const PairRow&)>& visit) const {
  return visit_rows<PairRow>(database_, "pairs", pair_columns, read_pair, filter, visit);
}

Result<std::vector<PairWithImage>> Work::pairs_with_images(const PairFilter& filter) const {
  std::vector<PairWithImage> out;
  HOLISAFE_CHECK(for_each_pair(filter, [&](const PairRow& pair) -> Result<void> {
    if (!out.empty() && out.back().pair.image_id == pair.image_id) {
      out.push_back({pair, out.back().image});
      return {};
    }
    HOLISAFE_TRY(auto found, image(pair.image_id));
    if (!found) {
      return fail(ErrorKind::malformed, "damaged run store",
                  fmt::format("{}: pairs.image of row {}", database_.where(), pair.id + 1),
                  fmt::format("expected an image, found {}", pair.image_id));
    }
    out.push_back({pair, *std::move(found)});
    return {};
  }));
  return out;
}

Result<std::int64_t> Work::pair_count(const PairFilter& filter) const {
  HOLISAFE_TRY(
      store::Statement statement,
      database_.prepare(fmt::format("SELECT count(*) FROM pairs WHERE {}id > ?", conditions(filter))));
  bind_conditions(statement, filter);
  return number_of(statement.bind(filter.after));
}

Result<std::map<std::int64_t, TypeCounts>> Work::pair_types(std::int64_t first, std::int64_t last) const {
  HOLISAFE_TRY(store::Statement statement,
               database_.prepare("SELECT image, type, count(*) FROM pairs WHERE image BETWEEN ? AND ? "
                                 "GROUP BY image, type"));
  statement.bind(first).bind(last);
  std::map<std::int64_t, TypeCounts> out;
  while (true) {
    HOLISAFE_TRY(const bool found, statement.step());
    if (!found) return out;
    store::Columns columns(statement, "pairs", std::nullopt);
    std::int64_t image = 0;
    std::string_view type;
    HOLISAFE_CHECK(columns.integer("image", 0, store::largest_integer, image));
    HOLISAFE_CHECK(columns.text("type", type));
    const auto combination = taxonomy::parse_combination(type);
    if (!combination) return fail(columns.damaged("type", "a combination"));
    out[image][static_cast<std::size_t>(*combination)] = static_cast<std::uint64_t>(statement.integer(2));
  }
}

Result<bool> Work::has_place(std::string_view place) const {
  HOLISAFE_TRY(store::Statement statement,
               database_.prepare("SELECT 1 FROM pairs WHERE place IS NOT NULL AND place = ?"));
  return statement.bind_bytes(place).step();
}

Result<std::int64_t> Work::next_pair_id() const {
  return number_of(database_, "SELECT coalesce(max(id) + 1, 0) FROM pairs");
}

Result<std::vector<CellCount>> Work::pair_cells() const {
  HOLISAFE_TRY(store::Statement statement,
               database_.prepare("SELECT type, subcategory, state, count(*) FROM pairs "
                                 "GROUP BY type, subcategory, state"));
  std::vector<CellCount> out;
  while (true) {
    HOLISAFE_TRY(const bool found, statement.step());
    if (!found) return out;
    store::Columns columns(statement, "pairs", std::nullopt);
    std::string_view type;
    std::int64_t subcategory = 0;
    std::string_view state;
    HOLISAFE_CHECK(columns.text("type", type));
    HOLISAFE_CHECK(columns.integer("subcategory", 0, taxonomy::class_count - 1, subcategory));
    HOLISAFE_CHECK(columns.text("state", state));
    const auto combination = taxonomy::parse_combination(type);
    const auto known = parse_pair_state(state);
    if (!combination || !known) return fail(columns.damaged("state", "a combination and a state"));
    out.push_back({*combination, static_cast<std::size_t>(subcategory), *known,
                   static_cast<std::uint64_t>(statement.integer(3))});
  }
}

Result<std::vector<std::pair<std::string, std::uint64_t>>> Work::pair_writers() const {
  HOLISAFE_TRY(store::Statement statement,
               database_.prepare("SELECT writer, count(*) FROM pairs WHERE writer <> '' "
                                 "GROUP BY writer ORDER BY writer"));
  std::vector<std::pair<std::string, std::uint64_t>> out;
  while (true) {
    HOLISAFE_TRY(const bool found, statement.step());
    if (!found) return out;
    auto& [writer, pairs] = out.emplace_back();
    HOLISAFE_CHECK(store::Columns(statement, "pairs", std::nullopt).text("writer", writer));
    pairs = static_cast<std::uint64_t>(statement.integer(1));
  }
}

// Sides.

Result<void> Work::write_sides(std::span<const std::pair<std::int64_t, Side>> clusters) {
  return together([&]() -> Result<void> {
    HOLISAFE_CHECK(database_.run("UPDATE images SET side = '' WHERE side <> ''"));
    HOLISAFE_TRY(store::Statement statement,
                 database_.prepare("UPDATE images SET side = ? WHERE cluster = ?"));
    for (const auto& [cluster, side] : clusters)
      HOLISAFE_CHECK(statement.bind(name(side)).bind(cluster).run());
    return {};
  });
}

}  // namespace holisafe::construction
