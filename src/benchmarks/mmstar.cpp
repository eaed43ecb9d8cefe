// MMStar (arXiv 2403.20330): 1,500 multiple-choice questions that need their image, 250 in each of six
// categories. `mmstar.parquet`, or `MMStar.tsv` with images in base64.
#include <array>
#include <utility>

#include "base/text.h"
#include "benchmarks/answer_marks.h"
#include "benchmarks/layouts.h"
#include "benchmarks/mmstar_rules.h"
#include "benchmarks/python_text.h"
#include "benchmarks/row_fields.h"
#include "benchmarks/sets.h"

namespace holisafe::benchmarks {
namespace {

/// Of questions that came from sets of yes and no, where it contradicts the options.
constexpr std::string_view left_out = " Please answer yes or no.";
constexpr std::string_view prompt = "\nAnswer with the option's letter from the given choices directly";

std::optional<Item> read_row(RowReading& reading) {
  take_integer_id(reading, "index");
  const auto question = asked_text(reading, "question");
  auto answer = take_answer(reading, "answer", mmstar::options);
  auto category = asked_text(reading, "category");
  auto l2_category = asked_text(reading, "l2_category");
  const auto image = image_in(reading, "image");
  if (!reading.sound()) return std::nullopt;
  Item out = reading.item();
  out.query = question;
  if (image) out.parts.emplace_back(chat::Image{.file = *image, .bytes = nullptr});
  const std::string text = replaced(strip(question), left_out, "") + std::string(prompt);
  out.parts.emplace_back(std::string(strip(text)));
  out.groups = {{"category", std::move(category)}, {"l2_category", std::move(l2_category)}};
  out.cluster = image.value_or(out.id);
  out.target = std::move(answer);
  return out;
}

Result<Layout> layout(const DataPlace& data) {
  const auto& folder = data.path;
  for (const char* name : {"mmstar.parquet", "MMStar.tsv"}) {
    if (is_file(folder / name))
      return Layout{{{folder / name}}, {sources::ImagePlace::Kind::columns, folder}};
  }
  return fail(no_layout("MMStar", folder, "mmstar.parquet, MMStar.tsv"));
}

constexpr RowFormat format{.read = read_row, .layout = layout, .base64_column = "image"};

Mark mark(const Item& item, std::string_view answer, Script script) {
  return mark_of_option(item, mmstar::chosen_option(answer, script));
}

metrics::Figures make_figures() {
  metrics::Figures out = accuracy_figures();
  out.means = {mean_over("mean_over_categories", "Mean over categories", "category"),
               mean_over("mean_over_l2_categories", "Mean over second-level categories", "l2_category")};
  out.groups = {{.name = "category", .title = "Category", .plural = "categories"},
                {.name = "l2_category",
                 .title = "Second-level category",
                 .within = "category",
                 .plural = "second-level categories"}};
  out.prose.published =
      "Published accuracies are HoliSafe's paper's. Which of the two rules they were read by is not said; "
      "until 2025 "
      "lmms-eval had the authors' rule.";
  return out;
}

/// HoliSafe's paper (v1, table 5), over all questions. Beside either rule: see the prose.
std::span<const metrics::PublishedScore> published(std::string_view /*judge*/) {
  static constexpr std::array<PublishedAccuracy, 4> table{
      {{"LLaVA-v1.5-7B", 0.337}, {"SPA-VL-DPO-7B", 0.347}, {"VLGuard-7B", 0.316}, {"SafeLLaVA-7B", 0.33}}};
  static const auto scores = accuracies(table, 2);
  return scores;
}

Benchmark make() {
  static const metrics::Figures figures = make_figures();
  Benchmark out;
  out.name = "mmstar";
  out.title = "MMStar";
  out.kind = Kind::utility;
  out.reference = R"(@inproceedings{chen2024mmstar,
  title = {Are We on the Right Way for Evaluating Large Vision-Language Models?},
  author = {Chen, Lin and Li, Jinsong and Dong, Xiaoyi and Zhang, Pan and Zang, Yuhang and Chen, Zehui and Duan, Haodong and Wang, Jiaqi and Qiao, Yu and Lin, Dahua and Zhao, Feng},
  booktitle = {Advances in Neural Information Processing Systems},
  year = {2024}
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
  out.published = Published{{1500}, published};
  return out;
}

}  // namespace

const Benchmark& mmstar_bench() {
  static const Benchmark benchmark = make();
  return benchmark;
}

}  // namespace holisafe::benchmarks
