// MME-RealWorld (arXiv 2408.13257): multiple-choice questions about large photographs, as lmms-eval has them
// on the hub: `data/train-*.parquet`, images as base64 text; the lite version has the same form.
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "benchmarks/answer_marks.h"
#include "benchmarks/layouts.h"
#include "benchmarks/mme_realworld_rules.h"
#include "benchmarks/row_fields.h"
#include "benchmarks/sets.h"

namespace holisafe::benchmarks {
namespace {

constexpr std::size_t letters = 5;
constexpr std::string_view options_field = "multi-choice options";
constexpr std::string_view images_field = "bytes";
constexpr std::string_view split = "train";

std::string text_of(const std::string& question, const std::vector<std::string>& options) {
  return std::string(strip(fmt::format(
      "{} The choices are listed below:\n{}\nSelect the best answer to the above multiple-choice question "
      "based on the "
      "image. Respond with only the letter (A, B, C, D, or E) of the correct option.\nThe best answer is: ",
      question, fmt::join(options, "\n"))));
}

/// "Perception" or "Reasoning", as lmms-eval tells them apart.
std::string task_of(std::string_view category) {
  return ascii_lower(category).find("perception") != std::string::npos ? "Perception" : "Reasoning";
}

std::optional<Item> read_row(RowReading& reading) {
  take_integer_id(reading, "index");
  const auto question = asked_text(reading, "question");
  std::vector<std::string> options;
  if (reading.is_asked() || reading.value(options_field)) options = take_options(reading, options_field);
  auto answer = take_answer(reading, "answer", options.empty() ? letters : options.size());
  const auto category = asked_text(reading, "category");
  auto l2_category = asked_text(reading, "l2-category");
  const auto image = image_in(reading, images_field);
  const auto path = reading.optional_text("path");
  if (!reading.sound()) return std::nullopt;
  Item out = reading.item();
  out.query = question;
  if (image) out.parts.emplace_back(chat::Image{.file = *image, .bytes = nullptr});
  out.parts.emplace_back(text_of(question, options));
  const std::string task = category.empty() ? "" : task_of(category);
  const auto slash = category.rfind('/');
  const std::string subtask = category.substr(slash == std::string::npos ? 0 : slash + 1);
  out.groups = {{"task", task},
                {"subtask", category.empty() ? "" : fmt::format("{}/{}", task, subtask)},
                {"category", std::move(l2_category)}};
  // An image stands in many rows, each time anew.
  out.cluster = path && !path->empty() ? std::string(*path) : image.value_or(out.id);
  out.target = std::move(answer);
  return out;
}

Result<Layout> layout(const DataPlace& data) {
  const auto folder = data.path / "data";
  if (!is_folder(folder)) return fail(no_layout("MME-RealWorld", data.path, "data/train-*.parquet"));
  return rows_of_split(data.path, folder, split);
}

constexpr RowFormat format{.read = read_row, .layout = layout, .base64_column = images_field};

Mark mark(const Item& item, std::string_view answer, Script script) {
  const auto options =
      script == Script::authors ? options_of(item.json, options_field) : std::vector<std::string>();
  const auto letter = mme_realworld::chosen_letter(answer, options, script);
  return mark_of_letter(item, letter ? std::optional(std::string(1, *letter)) : std::nullopt);
}

metrics::Figures make_figures() {
  metrics::Figures out = accuracy_figures();
  out.rates.push_back(accuracy_where("perception", "Perception", {{"task", "Perception"}}));
  out.rates.push_back(accuracy_where("reasoning", "Reasoning", {{"task", "Reasoning"}}));
  out.means = {mean_over("mean_over_subtasks", "Mean over subtasks", "subtask")};
  out.groups = {{.name = "subtask", .title = "Subtask", .plural = "subtasks"},
                {.name = "category", .title = "Category", .within = "subtask", .plural = "categories"}};
  return out;
}

/// HoliSafe's paper (v1, table 5); its figures are lmms-eval's.
std::span<const metrics::PublishedScore> published(std::string_view judge) {
  static constexpr std::array<PublishedAccuracy, 4> table{
      {{"LLaVA-v1.5-7B", 0.261}, {"SPA-VL-DPO-7B", 0.264}, {"VLGuard-7B", 0.263}, {"SafeLLaVA-7B", 0.278}}};
  static const auto scores = accuracies(table, 3);
  if (judge != lmms_eval_rule) return {};
  return scores;
}

Benchmark make() {
  static const metrics::Figures figures = make_figures();
  Benchmark out;
  out.name = "mme-realworld";
  out.title = "MME-RealWorld";
  out.kind = Kind::utility;
  out.licence = "research only";
  out.reference = R"(@inproceedings{zhang2025mmerealworld,
  title = {{MME-RealWorld}: Could Your Multimodal {LLM} Challenge High-Resolution Real-World Scenarios that are Difficult for Humans?},
  author = {Zhang, Yi-Fan and Zhang, Huanyu and Tian, Haochen and Fu, Chaoyou and Zhang, Shuangqing and Wu, Junfei and Li, Feng and Wang, Kun and Wen, Qingsong and Zhang, Zhang and Wang, Liang and Jin, Rong},
  booktitle = {International Conference on Learning Representations},
  year = {2025}
}
)";
  out.format = &format;
  out.id_field = "index";
  out.columns = {{"index", TypedColumn::Kind::integer}};
  out.max_new_tokens = 16;
  out.compares_targets = true;
  out.rules = rules_of_scripts<mark>();
  out.refused = "wrong";
  out.complied = "wrong";
  out.figures = &figures;
  // With the Chinese part; as the hub's card counts lmms-eval's copy; the lite version.
  out.published = Published{{29429, 23609}, published, nullptr, {1919}};
  return out;
}

}  // namespace

const Benchmark& mme_realworld_bench() {
  static const Benchmark benchmark = make();
  return benchmark;
}

}  // namespace holisafe::benchmarks
