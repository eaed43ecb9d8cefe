#include "construction/export.h"

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "construction/dataset_card.h"
#include "construction/export_formats.h"
#include "construction/files.h"
#include "construction/provenance.h"
#include "construction/split.h"
#include "exports/folder_files.h"

namespace holisafe::construction {
namespace {

Result<CardFacts> card_facts(const Work& work, const ExportSettings& settings, const ExportFormat& format,
                             const ExportCounts& counts, const std::string& created) {
  CardFacts out;
  out.name = settings.name;
  out.license = settings.license;
  out.version = settings.version;
  out.created = created;
  out.format = &format;
  out.counts = counts;
  HOLISAFE_TRY(out.build, summary(work));
  HOLISAFE_TRY(out.declines, work.declines());
  const auto value = [&](const char* key, std::string& to) -> Result<void> {
    HOLISAFE_TRY(const std::optional<std::string> found, work.value(key));
    to = found.value_or("");
    return {};
  };
  HOLISAFE_CHECK(value("language", out.language));
  HOLISAFE_CHECK(value(split_share_key, out.split_share));
  HOLISAFE_CHECK(value(split_seed_key, out.split_seed));
  return out;
}

Result<void> write_all(const Work& work, ExportFolder& folder, const CardFacts& facts, bool reviewed_only) {
  HOLISAFE_CHECK(facts.format->write(folder));
  HOLISAFE_CHECK(write_provenance(folder, work, *facts.format, reviewed_only, facts.created));
  HOLISAFE_CHECK(write_prompts(folder, work));
  HOLISAFE_CHECK(write_file_atomic(folder.path() / "DATASHEET.md", datasheet(facts)));
  return write_file_atomic(folder.path() / "README.md", dataset_card(facts));
}

}  // namespace

Result<ExportCounts> export_build(const Work& work, const ExportSettings& settings, Progress* progress,
                                  const StopFlag& stop) {
  HOLISAFE_TRY(const ExportFormat* const format, export_format_named(settings.format));
  HOLISAFE_TRY(ExportCounts counts, count_export(work, settings.selection, stop));
  HOLISAFE_TRY(const std::string created, created_at(work, settings.date));
  HOLISAFE_TRY(const CardFacts facts, card_facts(work, settings, *format, counts, created));
  const auto write = [&](const std::filesystem::path& place) {
    ExportFolder folder(work, place, {settings.selection.reviewed_only, counts.pairs(), settings.shard_bytes},
                        progress, stop);
    return write_all(work, folder, facts, settings.selection.reviewed_only);
  };
  HOLISAFE_CHECK(exports::write_new_folder(settings.out, write));
  return counts;
}

}  // namespace holisafe::construction
