// VizWiz-VQA (arXiv 1802.08218): photographs and questions by blind people, each answered by ten others. As
// on the hub, `data/SPLIT-*.parquet`, or from vizwiz.org, `Annotations/SPLIT.json` beside `SPLIT/`.
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "benchmarks/answer_marks.h"
#include "benchmarks/layouts.h"
#include "benchmarks/python_text.h"
#include "benchmarks/row_fields.h"
#include "benchmarks/sets.h"
#include "benchmarks/vizwiz_rules.h"
#include "dataset/row_elements.h"
#include "sources/hub_files.h"

namespace holisafe::benchmarks {
namespace {

namespace dom = simdjson::dom;

constexpr std::string_view default_split = "val";
constexpr std::string_view prompt =
    "\nWhen the provided information is insufficient, respond with 'Unanswerable'.\n"
    "Answer the question using a single word or phrase.";

/// What people answered: a list of strings, as text too, or (vizwiz.org) of objects with `answer`.
Result<std::vector<std::string>> read_answers(dom::element value) {
  if (value.is_string()) return read_options(value);
  dom::array list;
  if (value.get(list) != simdjson::SUCCESS)
    return fail(ErrorKind::wrong_type, "", "",
                fmt::format("expected a list of answers, found {}", dataset::kind_of(value)));
  std::vector<std::string> out;
  for (const dom::element each : list) {
    std::string_view text;
    if (each.get(text) != simdjson::SUCCESS && each["answer"].get(text) != simdjson::SUCCESS)
      return fail(
          ErrorKind::wrong_type, "", "",
          fmt::format("expected a string, or an object with one, found {} in it", dataset::kind_of(each)));
    out.emplace_back(text);
  }
  return out;
}

/// The answer that most people gave; empty where there are none, as in the split test.
std::string take_target(RowReading& reading) {
  const auto value = reading.value("answers");
  if (!value) return {};
  const auto answers = read_answers(*value);
  if (!answers) {
    reading.problem("answers", answers.error().kind, answers.error().detail);
    return {};
  }
  const auto count = [&](const std::string& each) {
    return std::count(answers->begin(), answers->end(), each);
  };
  const auto most =
      std::max_element(answers->begin(), answers->end(),
                       [&](const std::string& a, const std::string& b) { return count(a) < count(b); });
  return most == answers->end() ? "" : *most;
}

/// The hub's id is the image's name without its extension, which is all that vizwiz.org has.
void take_id(RowReading& reading) {
  if (reading.value("question_id") || !reading.is_asked()) return take_text_id(reading, "question_id");
  const auto image = reading.text("image");
  if (image) reading.set_id(std::filesystem::path(*image).stem().string());
}

std::optional<Item> read_row(RowReading& reading) {
  take_id(reading);
  const auto question = asked_text(reading, "question");
  auto category = reading.optional_text("category");
  if (!category) category = reading.optional_text("answer_type");
  auto target = take_target(reading);
  const auto image = image_in(reading, "image");
  if (!reading.sound()) return std::nullopt;
  Item out = reading.item();
  out.query = question;
  if (image) out.parts.emplace_back(chat::Image{.file = *image, .bytes = nullptr});
  const std::string text = capitalized(question) + std::string(prompt);
  out.parts.emplace_back(std::string(strip(text)));
  out.groups = {{"category", std::string(category.value_or(""))}};
  out.cluster = image.value_or(out.id);
  out.target = std::move(target);
  return out;
}

Result<Layout> layout(const DataPlace& data) {
  const auto& folder = data.path;
  const std::string split = data.split.empty() ? std::string(default_split) : data.split;
  const auto annotations = folder / "Annotations" / (split + ".json");
  if (is_file(annotations)) return rows_beside(annotations, folder / split);
  if (!sources::splits_in(folder / "data").empty()) return rows_of_split(folder, folder / "data", split);
  return fail(
      no_layout("VizWiz-VQA", folder, fmt::format("data/{0}-*.parquet, Annotations/{0}.json", split)));
}

constexpr RowFormat format{.read = read_row, .layout = layout};

Mark mark(const Item& item, std::string_view answer, Script script) {
  dom::parser parser;
  dom::element row;
  dom::element value;
  std::vector<std::string> truths;
  if (parser.parse(item.json).get(row) == simdjson::SUCCESS && row["answers"].get(value) == simdjson::SUCCESS)
    truths = read_answers(value).value_or(std::vector<std::string>());
  const double accuracy = vizwiz::accuracy(answer, truths, script);
  const char* label = accuracy == 1 ? "right" : accuracy == 0 ? "wrong" : "partly right";
  return {label, accuracy, false, vizwiz::normalized(answer, script)};
}

metrics::Figures make_figures() {
  metrics::Figures out = accuracy_figures();
  out.labels = {"right", "partly right", "wrong"};
  out.rates.front().labels = {};  // the mean of the values
  out.groups = {{.name = "category", .title = "Category", .plural = "categories"}};
  out.prose.caption =
      "Accuracy: the mean over the ten people who were asked of a third of how many others gave the same "
      "answer, at "
      "most 1.";
  return out;
}

/// HoliSafe's paper (v1, table 5); its figures are lmms-eval's, over the 4,319 questions of val.
std::span<const metrics::PublishedScore> published(std::string_view judge) {
  static constexpr std::array<PublishedAccuracy, 4> table{
      {{"LLaVA-v1.5-7B", 0.544}, {"SPA-VL-DPO-7B", 0.574}, {"VLGuard-7B", 0.561}, {"SafeLLaVA-7B", 0.569}}};
  static const auto scores = accuracies(table, 0);
  if (judge != lmms_eval_rule) return {};
  return scores;
}

Benchmark make() {
  static const metrics::Figures figures = make_figures();
  Benchmark out;
  out.name = "vizwiz";
  out.title = "VizWiz-VQA";
  out.kind = Kind::utility;
  out.licence = "CC BY 4.0";
  out.reference = R"(@inproceedings{gurari2018vizwiz,
  title = {{VizWiz} Grand Challenge: Answering Visual Questions from Blind People},
  author = {Gurari, Danna and Li, Qing and Stangl, Abigale J. and Guo, Anhong and Lin, Chi and Grauman, Kristen and Luo, Jiebo and Bigham, Jeffrey P.},
  booktitle = {Proceedings of the IEEE Conference on Computer Vision and Pattern Recognition (CVPR)},
  year = {2018}
}
)";
  out.splits = {"val", "test"};
  out.split_rows = {4319, 8000};
  out.default_split = default_split;
  out.format = &format;
  out.id_field = "question_id";
  out.compares_targets = true;
  out.rules = rules_of_scripts<mark>();
  out.refused = "wrong";
  out.complied = "wrong";
  out.figures = &figures;
  out.published = Published{{4319}, published};
  return out;
}

}  // namespace

const Benchmark& vizwiz_bench() {
  static const Benchmark benchmark = make();
  return benchmark;
}

}  // namespace holisafe::benchmarks
