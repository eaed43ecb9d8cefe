#include "store/sample_writer.h"

#include <algorithm>

#include "store/row_columns.h"
#include "store/row_digest.h"

namespace holisafe::store {

std::vector<std::string> Sample::images() const {
  std::vector<std::string> out;
  for (const auto& part : parts) {
    if (const auto* image = std::get_if<chat::Image>(&part)) out.push_back(image->file.string());
  }
  return out;
}

std::string_view Sample::group(std::string_view name) const {
  const auto found =
      std::find_if(groups.begin(), groups.end(), [&](const auto& group) { return group.first == name; });
  return found == groups.end() ? std::string_view() : std::string_view(found->second);
}

Result<SampleWriter> SampleWriter::begin(const Database& database, std::int64_t answers_a_sample) {
  HOLISAFE_TRY(Transaction transaction, Transaction::begin(database));
  HOLISAFE_TRY(Statement number, database.prepare("INSERT INTO numbers (number) VALUES (?)"));
  for (std::int64_t i = 0; i < answers_a_sample; ++i) HOLISAFE_CHECK(number.bind(i).run());
  HOLISAFE_TRY(Statement known, database.prepare("SELECT number FROM images WHERE name = ?"));
  HOLISAFE_TRY(Statement cluster, database.prepare("INSERT INTO images (number, name) VALUES (?, ?)"));
  HOLISAFE_TRY(
      Statement sample,
      database.prepare(
          "INSERT INTO samples (position, id, id_is_string, cluster, parts, query, group_values, target, "
          "label, json) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  return SampleWriter(database, std::move(transaction), std::move(known), std::move(cluster),
                      std::move(sample));
}

Result<std::int64_t> SampleWriter::cluster(std::string_view name) {
  known_.bind(name);
  HOLISAFE_TRY(const bool found, known_.step());
  const std::int64_t number = found ? known_.integer(0) : clusters_++;
  HOLISAFE_CHECK(known_.run());  // to its end, so that it can be bound again
  if (!found) HOLISAFE_CHECK(cluster_.bind(number).bind(name).run());
  return number;
}

Result<void> SampleWriter::add(std::span<const Sample> samples) {
  for (const Sample& sample : samples) {
    HOLISAFE_TRY(const std::string parts, parts_text(sample.parts));
    HOLISAFE_TRY(const std::string groups, groups_text(sample.groups));
    sample_.bind(sample.position).bind(sample.id).bind(std::int64_t{sample.id_is_string ? 1 : 0});
    sample_.bind(sample.cluster).bind(parts).bind(sample.query);
    sample_.bind(groups).bind(sample.target);
    sample_.bind_or_null(std::optional<std::int64_t>(sample.label));
    HOLISAFE_CHECK(sample_.bind(sample.json).run());
    ++added_;
  }
  return {};
}

Result<void> SampleWriter::commit() {
  HOLISAFE_CHECK(keep_digests(*database_));
  return transaction_.commit();
}

}  // namespace holisafe::store
