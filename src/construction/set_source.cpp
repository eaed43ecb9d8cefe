// Data sets that bring their pairs along: holisafe_bench.json, and train.json in LLaVA's conversations.
#include <fmt/format.h>

#include "base/text.h"
#include "construction/build_sources.h"
#include "dataset/conversations.h"
#include "dataset/row_stream.h"
#include "dataset/rows.h"

namespace holisafe::construction {
namespace {

namespace fs = std::filesystem;

/// Rows of holisafe_bench.json that are read at a time.
constexpr std::size_t set_rows_a_piece = 256;

/// A row of either file.
struct SetRow {
  std::string image;
  std::optional<taxonomy::Combination> type;
  std::optional<std::string_view> type_text;
  std::optional<std::string_view> subcategory;
  std::optional<std::int64_t> label;
  std::string instruction;
  std::string response;
};

/// Turns rows into pictures and pairs.
class SetReading {
 public:
  SetReading(const std::string& folder, PictureFolder root, const OnPicture& on_picture,
             const OnPair& on_pair)
      : folder_(folder), root_(std::move(root)), on_picture_(on_picture), on_pair_(on_pair) {}

  Result<void> read_bench(const fs::path& file);
  Result<void> read_train(const fs::path& file);

 private:
  using Where = std::function<std::string(std::string_view field)>;
  Result<void> take(const SetRow& row, std::string_view file, std::uint64_t number, const Where& where);
  static Result<std::size_t> harm_of(const SetRow& row, const Where& where);
  static Result<std::size_t> label_of(const SetRow& row, std::size_t harm, const Where& where);

  const std::string& folder_;
  PictureFolder root_;
  const OnPicture& on_picture_;
  const OnPair& on_pair_;
};

Error missing_field(std::string where) {
  return {ErrorKind::missing, "invalid row", std::move(where), "expected it, found nothing"};
}

/// The class that the pair's harm is of; 0 of SSS where the set names none.
Result<std::size_t> SetReading::harm_of(const SetRow& row, const Where& where) {
  const bool may_be_safe = *row.type == taxonomy::Combination::SSS;
  if (!row.subcategory) {
    if (may_be_safe) return std::size_t{0};
    if (!taxonomy::image_safe(*row.type) && row.label.value_or(0) > 0)
      return static_cast<std::size_t>(*row.label);
    return fail(missing_field(where("subcategory")));
  }
  const auto found = taxonomy::parse_class(*row.subcategory);
  if (found && (*found > 0 || may_be_safe)) return *found;
  return fail(ErrorKind::unexpected, "unknown class", where("subcategory"),
              fmt::format("expected one of the 19 harm subcategories, found \"{}\"",
                          excerpt(as_utf8(*row.subcategory), 100)));
}

Result<std::size_t> SetReading::label_of(const SetRow& row, std::size_t harm, const Where& where) {
  if (!row.label) return taxonomy::image_safe(*row.type) ? 0 : harm;
  if (taxonomy::label_fits(*row.type, *row.label)) return static_cast<std::size_t>(*row.label);
  return fail(ErrorKind::mismatch, "invalid row", where("image_safety_label"),
              fmt::format("expected {} for type {}, found {}",
                          taxonomy::image_safe(*row.type) ? "0" : "1 to 19", name(*row.type), *row.label));
}

Result<void> SetReading::take(const SetRow& row, std::string_view file, std::uint64_t number,
                              const Where& where) {
  if (!row.type_text) return fail(missing_field(where("type")));
  if (!row.type) {
    return fail(ErrorKind::unexpected, "unknown combination", where("type"),
                fmt::format("expected SSS, SSU, USU, SUU or UUU, found \"{}\"",
                            excerpt(as_utf8(*row.type_text), 100)));
  }
  if (row.instruction.empty())
    return fail(missing_field(where(file == train_file_name ? "conversations" : "query")));
  NamedPair pair{.path = "images/" + row.image,
                 .type = *row.type,
                 .subcategory = 0,
                 .instruction = row.instruction,
                 .response = row.response,
                 .place = fmt::format("{}\n{}\n{}", folder_, file, number)};
  HOLISAFE_TRY(pair.subcategory, harm_of(row, where));
  NamedPicture picture;
  picture.path = pair.path;
  picture.where = where("image_safety_label");
  HOLISAFE_TRY(picture.label, label_of(row, pair.subcategory, where));
  HOLISAFE_TRY(picture.file, root_.file(row.image, where("image")));
  HOLISAFE_CHECK(on_picture_(picture));
  return on_pair_ ? on_pair_(pair) : Result<void>();
}

Result<void> SetReading::read_bench(const fs::path& file) {
  HOLISAFE_TRY(dataset::RowStream stream, dataset::RowStream::open(file));
  std::uint64_t before = 0;  // rows of earlier pieces
  while (true) {
    HOLISAFE_TRY(const auto rows, stream.next_rows(set_rows_a_piece));
    if (!rows) break;
    std::uint64_t in_piece = 0;
    HOLISAFE_CHECK(rows->for_each([&](const dataset::Row& row) -> Result<void> {
      dataset::Row placed = row;
      placed.index = static_cast<std::size_t>(before + in_piece);
      const auto where = [&](std::string_view field) { return placed.where(file.string(), field); };
      for (const auto& problem : row.problems) {
        if (problem.field == "id") continue;
        return fail(problem.error.kind, "invalid row", where(problem.field), problem.error.detail);
      }
      if (!row.image) return fail(missing_field(where("image")));
      ++in_piece;
      return take({.image = std::string(*row.image),
                   .type = row.type ? taxonomy::parse_combination(*row.type) : std::nullopt,
                   .type_text = row.type,
                   .subcategory = row.subcategory,
                   .label = row.image_safety_label,
                   .instruction = std::string(row.query.value_or("")),
                   .response = {}},
                  dataset::bench_file_name, placed.index, where);
    }));
    before += in_piece;
  }
  if (before > 0) return {};
  return fail(ErrorKind::missing, "no rows in table", file.string(), "expected a row for each pair");
}

/// A human turn without the place of its image.
std::string without_placeholder(std::string_view turn) {
  const auto at = turn.find(dataset::image_placeholder);
  if (at == std::string_view::npos) return std::string(strip(turn));
  std::string out(turn.substr(0, at));
  out += turn.substr(at + dataset::image_placeholder.size());
  return std::string(strip(out));
}

Result<void> SetReading::read_train(const fs::path& file) {
  HOLISAFE_TRY(const dataset::ConversationData data, dataset::read_conversations(file));
  if (!data.problems.empty()) return fail(data.problems.kept().front());
  auto next = data.conversations.begin();
  return data.file.for_each([&](const dataset::Row& row) -> Result<void> {
    const dataset::Conversation& conversation = *next++;  // without problems every row is one
    const auto where = [&](std::string_view field) { return row.where(file.string(), field); };
    if (conversation.images.size() != 1 || conversation.turns.size() != 2) {
      return fail(ErrorKind::unsupported, "no pair", where("conversations"),
                  fmt::format("expected an image, a question and an answer, found {} images and {} turns",
                              conversation.images.size(), conversation.turns.size()));
    }
    const bool labelled = conversation.image_safety_label != dataset::no_label;
    return take(
        {.image = std::string(conversation.images.front()),
         .type = conversation.type,
         .type_text = row.type,
         .subcategory = row.subcategory,
         .label = labelled ? std::optional<std::int64_t>(conversation.image_safety_label) : std::nullopt,
         .instruction = without_placeholder(conversation.turns[0].value),
         .response = std::string(conversation.turns[1].value)},
        train_file_name, row.index, where);
  });
}

}  // namespace

bool holds_set(const std::string& folder) {
  std::error_code code;
  return fs::exists(fs::path(folder) / dataset::bench_file_name, code) ||
         fs::exists(fs::path(folder) / train_file_name, code);
}

Result<void> read_set(const std::string& folder, const OnPicture& on_picture, const OnPair& on_pair) {
  HOLISAFE_TRY(PictureFolder root, PictureFolder::open(fs::path(folder) / "images"));
  SetReading reading(folder, std::move(root), on_picture, on_pair);
  std::error_code code;
  const fs::path bench = fs::path(folder) / dataset::bench_file_name;
  const fs::path train = fs::path(folder) / train_file_name;
  if (fs::exists(bench, code)) HOLISAFE_CHECK(reading.read_bench(bench));
  if (fs::exists(train, code)) HOLISAFE_CHECK(reading.read_train(train));
  return {};
}

}  // namespace holisafe::construction
