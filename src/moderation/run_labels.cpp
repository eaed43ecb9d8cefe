#include "moderation/run_labels.h"

#include <fmt/format.h>

#include "dataset/rows.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::moderation {
namespace {

namespace fs = std::filesystem;

constexpr const char* field = "image_safety_label";
constexpr std::int64_t no_label = -100;

/// Two names of one file are the same.
std::string real_name(const fs::path& path) {
  std::error_code code;
  const fs::path real = fs::weakly_canonical(path, code);
  return code ? path.lexically_normal().string() : real.string();
}

tl::unexpected<Error> contradiction(const std::string& row, std::size_t label, const std::string& earlier,
                                    std::size_t earlier_label) {
  return fail(ErrorKind::mismatch, "two labels for one picture", row,
              fmt::format("expected {} as in {}, found {}", earlier_label, earlier, label));
}

}  // namespace

Result<RunLabels> RunLabels::read(const fs::path& file, const fs::path& images) {
  HOLISAFE_TRY(const auto rows, dataset::RowFile::open(file.string()));
  const fs::path folder = images.empty() ? folder_beside(file) / "images" : images;
  RunLabels out(file.string());
  const auto add = [&](const dataset::Row& row) -> Result<void> {
    if (!row.image || !row.image_safety_label || *row.image_safety_label == no_label) return {};
    const std::string where = row.where(out.file_, field);
    const std::int64_t label = *row.image_safety_label;
    if (label < 0 || label >= static_cast<std::int64_t>(taxonomy::class_count)) {
      return fail(ErrorKind::out_of_range, "invalid label", where,
                  fmt::format("expected 0 to 19, or -100 for none, found {}", label));
    }
    const auto number = static_cast<std::size_t>(label);
    const auto [place, is_new] =
        out.by_file_.try_emplace(real_name(folder / std::string(*row.image)), Given{number, where});
    if (is_new || place->second.label == number) return {};
    return contradiction(where, number, place->second.row, place->second.label);
  };
  HOLISAFE_CHECK(rows.for_each(add));
  return out;
}

Result<std::optional<std::size_t>> RunLabels::of(const fs::path& path, std::int64_t content) {
  const auto found = by_file_.find(real_name(path));
  if (found == by_file_.end()) return std::optional<std::size_t>();
  const Given& given = found->second;
  const auto [place, is_new] = by_content_.try_emplace(content, given);
  if (is_new) return std::optional(given.label);
  if (place->second.label == given.label) return std::optional<std::size_t>();
  return contradiction(given.row, given.label, place->second.row, place->second.label);
}

}  // namespace holisafe::moderation
