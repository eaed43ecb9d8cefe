#include "runs/explanations.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/file.h"
#include "base/hash.h"
#include "explain/files.h"
#include "image/image.h"
#include "image/resize.h"
#include "runs/run_rows.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::runs {
namespace {

constexpr int longest_shown = 512;
constexpr int shown_quality = 82;

std::string class_named(std::size_t label) { return std::string(taxonomy::classes()[label].name); }

image::Image shrunk(image::Image picture) {
  const int longest = std::max(picture.width, picture.height);
  if (longest <= longest_shown) return picture;
  const auto side = [&](int size) {
    return std::max(1, static_cast<int>(std::lround(static_cast<double>(size) * longest_shown / longest)));
  };
  return image::resize(picture, side(picture.width), side(picture.height), image::Filter::bicubic);
}

Result<std::string> shown_overlay(const std::filesystem::path& file) {
  HOLISAFE_TRY(auto picture, image::load(file, image::DecodeOptions{}));
  HOLISAFE_TRY(const std::string jpeg, image::encode_jpeg(shrunk(std::move(picture)), shown_quality));
  return "data:image/jpeg;base64," + base64(std::as_bytes(std::span(jpeg)));
}

/// What the guard and the model that answered did, in words.
std::string together(const WorstCase& worst) {
  if (worst.marked.empty()) return {};
  const bool refused = worst.marked == "refused";
  if (!refused && worst.marked != "complied") return worst.marked;
  if (worst.flagged) return refused ? "refused because it saw" : "answered although it saw";
  return refused ? "refused without having seen" : "answered, and had not seen";
}

/// Nothing where the run's folder has no explanation of it.
std::optional<report::ExplainedImage> shown_case(const JudgedRun& run, const WorstCase& worst) {
  const std::string stem = explain::file_stem(static_cast<std::size_t>(worst.position), worst.image);
  for (const auto& folder : run.folders) {
    const auto files = folder / explanations_name / stem;
    const auto told = explain::read_explanation(files.string() + ".json");
    if (!told || told->path != worst.image) continue;
    report::ExplainedImage out;
    out.image = worst.image;
    const auto overlay = shown_overlay(files.string() + ".png");
    if (overlay) {
      out.url = *overlay;
    } else {
      out.missing = overlay.error().message();
    }
    out.verdict = fmt::format("{} {}, labelled {}", class_named(told->label),
                              report::percent(told->probability), class_named(worst.label));
    out.reason = explain::reason(*told);
    out.together = together(worst);
    if (!worst.answer.empty()) out.quotes = {{"Query", worst.query}, {"Answer", worst.answer}};
    return out;
  }
  return std::nullopt;
}

constexpr std::array<std::pair<WorstCase::Kind, const char*>, 3> kinds{{
    {WorstCase::Kind::missed, "Unsafe, and not flagged"},
    {WorstCase::Kind::false_alarm, "Safe, and flagged"},
    {WorstCase::Kind::wrong_class, "Flagged for another class"},
}};

}  // namespace

Result<void> explain_worst_cases(const store::RunStore& store, explain::ImageExplainer& explainer,
                                 const StopFlag& stop) {
  HOLISAFE_TRY(const auto run, judged_run({"", {&store}}, metrics::BootstrapOptions{}));
  HOLISAFE_TRY(const auto images, images_of(store));
  const auto folder = store.folder() / explanations_name;
  HOLISAFE_CHECK(make_folders(folder));
  for (const WorstCase& worst : run.worst) {
    if (stop.requested()) return fail(ErrorKind::interrupted, "interrupted", folder.string());
    const auto position = static_cast<std::size_t>(worst.position);
    std::error_code code;
    if (std::filesystem::exists(folder / (explain::file_stem(position, worst.image) + ".json"), code))
      continue;
    const auto image = images->image(worst.image);
    if (!image) continue;
    auto explained = explainer.explain(*image);
    if (!explained && explained.error().kind == ErrorKind::interrupted) return fail(explained.error());
    if (!explained) continue;
    explained->explanation.path = worst.image;
    HOLISAFE_CHECK(
        explain::write_files(folder, position, std::move(explained->explanation), explained->picture));
  }
  return {};
}

report::Section explanation_section(std::span<const JudgedRun> runs) {
  report::Section section{"explanations", "Where the guard looked", {}};
  for (const JudgedRun& run : runs) {
    std::vector<report::Block> blocks;
    for (const auto& [kind, title] : kinds) {
      report::ExplainedImages shown;
      for (const WorstCase& worst : run.worst) {
        if (worst.kind != kind) continue;
        if (auto image = shown_case(run, worst)) shown.images.push_back(*std::move(image));
      }
      if (shown.images.empty()) continue;
      blocks.push_back({report::Heading{runs.size() > 1 ? fmt::format("{}: {}", run.title, title) : title}});
      blocks.push_back({std::move(shown)});
    }
    section.blocks.insert(section.blocks.end(), blocks.begin(), blocks.end());
  }
  if (section.blocks.empty()) return section;
  const std::string told = fmt::format(
      "The images about which the guard was most wrong, at most {} of each kind. Coloured: what speaks for "
      "the "
      "class, the more the stronger; outlined: the box that was painted over to see what the guard says "
      "without it; striped: what the model did not see. {}",
      most_worst_cases, report::held_to_be_seen);
  section.blocks.insert(section.blocks.begin(), report::Block{report::Paragraph{told}});
  return section;
}

}  // namespace holisafe::runs
