#include "moderation/labels.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json_line.h"
#include "base/text.h"
#include "moderation/image_root.h"
#include "moderation/run_paths.h"
#include "taxonomy/taxonomy.h"
#include "verdicts/verdict_json.h"

namespace holisafe::moderation {
namespace {

using OrderedJson = nlohmann::ordered_json;

/// Files decisions on paths under what the paths hold.
Result<void> settle_paths(const verdicts::GuardStore& store, Decisions& decisions) {
  HOLISAFE_TRY(auto lines, store.lines());
  verdicts::Line line;
  while (true) {
    HOLISAFE_TRY(const bool found, lines.next(line));
    if (!found) return {};
    if (line.sha256) HOLISAFE_CHECK(decisions.settle(line.path, *line.sha256));
  }
}

/// Makes rows of a run's lines, and counts those that become none.
class Labelling {
 public:
  Labelling(const LabelOptions& options, const Decisions* decisions, verdicts::Flagging flagging,
            ImageRoot root)
      : options_(options), decisions_(decisions), flagging_(std::move(flagging)), root_(std::move(root)) {
    written_.images = root_.folder();
  }

  /// The row of a line; empty where it has none.
  std::string row(const verdicts::Line& line) {
    if (line.gone) {
      ++written_.gone;
      return {};
    }
    const Decision* decision = decisions_ != nullptr && line.sha256 ? decisions_->on(*line.sha256) : nullptr;
    if (decision == nullptr && !line.verdict) {
      ++written_.unjudged;
      return {};
    }
    if (decision == nullptr ? options_.decided_only : !decision->label.has_value()) {
      ++written_.left_out;
      return {};
    }
    const std::string image = root_.relative(line.path);
    if (!is_utf8(image)) {
      written_.no_utf8.push_back(verdicts::readable(line.path));
      return {};
    }
    const std::size_t label =
        decision != nullptr ? *decision->label : counted_class(*line.verdict, flagging_);
    written_.decided += decision != nullptr ? 1 : 0;
    return text_of(image, label, decision != nullptr, *line.sha256);
  }

  [[nodiscard]] LabelsWritten& written() { return written_; }

 private:
  std::string text_of(const std::string& image, std::size_t label, bool decided, const Digest& content) {
    // `train` reads conversations: without training words, the class's name is as good an answer as any.
    const OrderedJson row{{"id", written_.rows},
                          {"image", image},
                          {"image_safety_label", label},
                          {"label_from", decided ? "decision" : "guard"},
                          {"sha256", hex(content)},
                          {"conversations",
                           {{{"from", "human"}, {"value", "<image>"}},
                            {{"from", "gpt"}, {"value", taxonomy::classes()[label].name}}}}};
    std::string text = json_line(row);
    text.pop_back();
    return (written_.rows++ == 0 ? "[\n" : ",\n") + text;
  }

  const LabelOptions& options_;
  const Decisions* decisions_;
  verdicts::Flagging flagging_;
  ImageRoot root_;
  LabelsWritten written_;
};

}  // namespace

Result<LabelsWritten> write_labels(const verdicts::GuardStore& store, const LabelOptions& options,
                                   const std::filesystem::path& out) {
  std::optional<Decisions> decisions;
  if (!options.decisions.empty()) {
    HOLISAFE_TRY(decisions, Decisions::read(options.decisions));
    HOLISAFE_CHECK(settle_paths(store, *decisions));
  }
  HOLISAFE_TRY(verdicts::Flagging flagging, store.flagging());
  HOLISAFE_TRY(ImageRoot root, ImageRoot::of(store));
  Labelling labelling(options, decisions ? &*decisions : nullptr, std::move(flagging), std::move(root));
  const auto write_rows = [&](const WritePiece& write) -> Result<void> {
    HOLISAFE_TRY(auto lines, store.lines());
    verdicts::Line line;
    while (true) {
      HOLISAFE_TRY(const bool found, lines.next(line));
      if (!found) break;
      if (const std::string row = labelling.row(line); !row.empty()) HOLISAFE_CHECK(write(row));
    }
    if (labelling.written().rows > 0) return write("\n]\n");
    return fail(ErrorKind::missing, "no labels", store.folder().string(),
                "expected at least one picture that is there and judged or decided on");
  };
  HOLISAFE_CHECK(write_named_file(out, write_rows));
  LabelsWritten written = std::move(labelling.written());
  if (decisions) {
    for (const auto& [path, decision] : decisions->unsettled())
      written.unknown.emplace_back(decision.row, path);
    std::sort(written.unknown.begin(), written.unknown.end());
  }
  return written;
}

}  // namespace holisafe::moderation
