// RunStore::add_samples(): from a benchmark file into the store.
#include <fmt/format.h>

#include "dataset/bench.h"
#include "dataset/row_stream.h"
#include "store/run_store.h"

namespace holisafe::store {
namespace {

constexpr std::size_t batch = 256;

/// Writes samples one after the other into tables that are empty at first.
class SampleWriter {
 public:
  static Result<SampleWriter> make(const Database& database, const Part& part) {
    HOLISAFE_TRY(Statement known, database.prepare("SELECT number FROM images WHERE path = ?"));
    HOLISAFE_TRY(Statement image, database.prepare("INSERT INTO images (number, path) VALUES (?, ?)"));
    HOLISAFE_TRY(
        Statement sample,
        database.prepare("INSERT INTO samples (position, id, id_is_string, image, query, type, subcategory, "
                         "label, json) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    return SampleWriter(part, std::move(known), std::move(image), std::move(sample));
  }

  /// Rows before this one are wanted.
  [[nodiscard]] bool wants(std::int64_t position) const { return part_.limit == 0 || position < part_.limit; }
  [[nodiscard]] std::uint64_t written() const { return written_; }

  Result<void> add(const dataset::Sample& sample, std::int64_t position) {
    HOLISAFE_TRY(const std::int64_t image, number_of(sample.image));
    if (image % part_.shards != part_.shard) return {};
    ++written_;
    sample_.bind(position).bind(sample.id).bind(std::int64_t{sample.id_is_string ? 1 : 0}).bind(image);
    sample_.bind(sample.query).bind(taxonomy::name(sample.type));
    sample_.bind(std::int64_t{sample.subcategory_class}).bind(std::int64_t{sample.image_safety_label});
    return sample_.bind(sample.json).run();
  }

 private:
  SampleWriter(const Part& part, Statement known, Statement image, Statement sample)
      : part_(part), known_(std::move(known)), image_(std::move(image)), sample_(std::move(sample)) {}

  Result<std::int64_t> number_of(std::string_view path) {
    known_.bind(path);
    HOLISAFE_TRY(const bool found, known_.step());
    const std::int64_t number = found ? known_.integer(0) : images_++;
    HOLISAFE_CHECK(known_.run());  // to its end, so that it can be bound again
    if (!found) HOLISAFE_CHECK(image_.bind(number).bind(path).run());
    return number;
  }

  Part part_;
  Statement known_;
  Statement image_;
  Statement sample_;
  std::int64_t images_ = 0;
  std::uint64_t written_ = 0;
};

/// Nothing where something is wrong with the file, which read_bench() then puts into words.
std::optional<std::uint64_t> add_piece_by_piece(SampleWriter& writer, const std::filesystem::path& file) {
  auto stream = dataset::RowStream::open(file);
  if (!stream) return std::nullopt;
  std::uint64_t disagreements = 0;
  for (std::int64_t first = 0; writer.wants(first); first += static_cast<std::int64_t>(batch)) {
    auto rows = stream->next(batch);
    if (!rows) return std::nullopt;
    if (rows->empty()) return first == 0 ? std::nullopt : std::optional(disagreements);
    const auto bench = dataset::parse_bench(*std::move(rows), file);
    if (!bench || !bench->problems.empty()) return std::nullopt;
    disagreements += bench->disagreements.count();
    for (const auto& sample : bench->samples) {
      const auto position = first + static_cast<std::int64_t>(sample.row);
      if (writer.wants(position) && !writer.add(sample, position)) return std::nullopt;
    }
  }
  return disagreements;
}

Result<std::uint64_t> add_at_once(SampleWriter& writer, const std::filesystem::path& file) {
  HOLISAFE_TRY(const dataset::BenchData bench, dataset::read_bench(file));
  if (!bench.problems.empty()) {
    Error first = bench.problems.kept().front();
    first.detail +=
        fmt::format(" ({} such problems; `holisafe data check` shows all)", bench.problems.count());
    return fail(std::move(first));
  }
  for (const auto& sample : bench.samples) {
    const auto position = static_cast<std::int64_t>(sample.row);
    if (writer.wants(position)) HOLISAFE_CHECK(writer.add(sample, position));
  }
  return bench.disagreements.count();
}

}  // namespace

Result<std::uint64_t> RunStore::add_samples(const std::filesystem::path& file, const Part& part) {
  HOLISAFE_TRY(const Counts known, counts());
  if (known.samples > 0) return 0;
  HOLISAFE_TRY(Transaction transaction, Transaction::begin(database_));
  HOLISAFE_TRY(SampleWriter writer, SampleWriter::make(database_, part));
  std::uint64_t disagreements = 0;
  if (const auto added = add_piece_by_piece(writer, file)) {
    disagreements = *added;
  } else {
    HOLISAFE_CHECK(database_.run("DELETE FROM samples; DELETE FROM images;"));
    HOLISAFE_TRY(writer, SampleWriter::make(database_, part));
    HOLISAFE_TRY(disagreements, add_at_once(writer, file));
  }
  if (writer.written() == 0) {
    return fail(ErrorKind::missing, "no samples", file.string(),
                fmt::format("expected rows in shard {}/{}, found none", part.shard, part.shards));
  }
  HOLISAFE_CHECK(transaction.commit());
  return disagreements;
}

}  // namespace holisafe::store
