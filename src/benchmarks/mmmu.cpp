// MMMU (arXiv 2311.16502): college-level questions with up to seven images named in their text. As on the
// hub, a folder a subject with Parquet files of its splits, or (lmms-lab's copy) one folder `data/`; or as
// JSON, `data.json`, beside the images.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/text.h"
#include "benchmarks/answer_marks.h"
#include "benchmarks/layouts.h"
#include "benchmarks/mmmu_rules.h"
#include "benchmarks/python_list.h"
#include "benchmarks/row_fields.h"
#include "benchmarks/sets.h"
#include "sources/hub_files.h"

namespace holisafe::benchmarks {
namespace {

constexpr std::size_t most_images = 7;
constexpr std::string_view default_split = "validation";
constexpr std::string_view no_answer = "?";  // in the split test
constexpr std::string_view multiple_choice = "multiple-choice";
constexpr std::string_view choice_prompt = "Answer with the option's letter from the given choices directly.";
constexpr std::string_view open_prompt = "Answer the question using a single word or phrase.";

struct Domain {
  const char* name;
  std::vector<const char*> subjects;
};

/// As in the authors' data_utils.py.
const std::array<Domain, 6>& domains() {
  static const std::array<Domain, 6> table{{
      {"Art and Design", {"Art", "Art_Theory", "Design", "Music"}},
      {"Business", {"Accounting", "Economics", "Finance", "Manage", "Marketing"}},
      {"Science", {"Biology", "Chemistry", "Geography", "Math", "Physics"}},
      {"Health and Medicine",
       {"Basic_Medical_Science", "Clinical_Medicine", "Diagnostics_and_Laboratory_Medicine", "Pharmacy",
        "Public_Health"}},
      {"Humanities and Social Science", {"History", "Literature", "Sociology", "Psychology"}},
      {"Tech and Engineering",
       {"Agriculture", "Architecture_and_Engineering", "Computer_Science", "Electronics", "Energy_and_Power",
        "Materials", "Mechanical_Engineering"}},
  }};
  return table;
}

/// Empty for a subject that is none of the 30.
std::string domain_of(std::string_view subject) {
  for (const Domain& domain : domains()) {
    if (std::find(domain.subjects.begin(), domain.subjects.end(), subject) != domain.subjects.end())
      return domain.name;
  }
  return {};
}

/// The subject in an id such as "validation_Art_Theory_12"; empty where there is none.
std::string_view subject_in(std::string_view id) {
  const auto first = id.find('_');
  const auto last = id.rfind('_');
  if (first == std::string_view::npos || last <= first + 1 || last + 1 == id.size()) return {};
  const auto number = id.substr(last + 1);
  if (number.find_first_not_of("0123456789") != std::string_view::npos) return {};
  return id.substr(first + 1, last - first - 1);
}

std::string prompt_of(std::string_view question, bool open, const std::vector<std::string>& options) {
  std::string out(question);
  if (!open) {
    for (std::size_t i = 0; i < options.size(); ++i) out += fmt::format("\n{}. {}", letter(i), options[i]);
  }
  return out + fmt::format("\n\n{}", open ? open_prompt : choice_prompt);
}

using Images = std::array<std::string, most_images>;

Images take_images(RowReading& reading) {
  Images out;
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = image_in(reading, fmt::format("image_{}", i + 1), false).value_or("");
  return out;
}

/// Text, image, text, …: the first mention of each image is where it stands, later ones stay.
std::vector<chat::Part> parts_of(RowReading& reading, std::string_view prompt, const Images& images) {
  constexpr std::string_view opening = "<image ";
  std::vector<chat::Part> out;
  std::array<bool, most_images> shown{};
  std::size_t begin = 0;
  const auto add_text = [&](std::size_t end) {
    const auto piece = strip(prompt.substr(begin, end - begin));
    if (!piece.empty()) out.emplace_back(std::string(piece));
  };
  for (auto at = prompt.find(opening); at != std::string_view::npos; at = prompt.find(opening, at + 1)) {
    const std::size_t end = at + opening.size() + 2;  // a digit and `>`
    if (end > prompt.size() || prompt[end - 1] != '>') continue;
    const auto number = static_cast<std::size_t>(prompt[end - 2] - '1');
    if (prompt[end - 2] < '1' || number >= most_images || std::exchange(shown[number], true)) continue;
    if (images[number].empty()) {
      if (!reading.is_asked()) continue;
      reading.problem(fmt::format("image_{}", number + 1), ErrorKind::missing,
                      "expected the image that the text names, found nothing");
      continue;
    }
    add_text(at);
    out.emplace_back(chat::Image{.file = images[number], .bytes = nullptr});
    begin = end;
  }
  add_text(prompt.size());
  return out;
}

/// The field where there is one, or what the id says.
std::string take_subject(RowReading& reading) {
  if (const auto subject = reading.optional_text("subject")) return std::string(*subject);
  if (const auto subject = subject_in(reading.row().id); !subject.empty()) return std::string(subject);
  if (const auto subfield = reading.optional_text("subfield")) return std::string(*subfield);
  reading.problem("subject", ErrorKind::missing,
                  "expected a string, or an id such as validation_Art_Theory_1, found neither");
  return {};
}

std::optional<Item> read_row(RowReading& reading) {
  reading.take_id("id");
  const auto question = asked_text(reading, "question");
  const auto type = reading.text("question_type");
  const auto answer = reading.text("answer");
  const bool open = type == "open";
  const bool choice = type == multiple_choice;
  if (type && !open && !choice) {
    reading.problem("question_type", ErrorKind::out_of_range,
                    fmt::format("expected multiple-choice or open, found \"{}\"", *type));
  }
  const auto options = choice ? take_options(reading, "options") : std::vector<std::string>();
  std::string target;
  if (answer && *answer != no_answer) {
    target = *answer;
    if (choice && !options.empty()) target = take_answer(reading, "answer", options.size());
  }
  const std::string subject = take_subject(reading);
  auto parts = parts_of(reading, prompt_of(question, open, options), take_images(reading));
  if (!reading.sound()) return std::nullopt;
  Item out = reading.item();
  out.parts = std::move(parts);
  out.query = question;
  out.groups = {{"domain", domain_of(subject)}, {"subject", subject}};
  const auto shown = out.images();
  out.cluster = shown.empty() ? out.id : shown.front();
  out.target = std::move(target);
  return out;
}

/// The subjects whose folders are there, in order of their names; a download may hold some alone.
std::vector<std::string> subjects_in(const std::filesystem::path& folder) {
  std::vector<std::string> out;
  std::error_code code;
  for (const Domain& domain : domains()) {
    for (const char* subject : domain.subjects) {
      if (std::filesystem::is_directory(folder / subject, code)) out.emplace_back(subject);
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

Result<Layout> layout(const DataPlace& data) {
  const auto& folder = data.path;
  const std::string_view split = data.split.empty() ? default_split : std::string_view(data.split);
  Layout out;
  const auto add = [&](const std::filesystem::path& files, const std::string& tag) -> Result<void> {
    HOLISAFE_TRY(const auto found, sources::split_files(files, split));
    for (const auto& file : found) out.rows.push_back({file, tag});
    return {};
  };
  for (const std::string& subject : subjects_in(folder)) HOLISAFE_CHECK(add(folder / subject, subject));
  if (out.rows.empty() && !sources::splits_in(folder / "data").empty())
    HOLISAFE_CHECK(add(folder / "data", ""));
  if (out.rows.empty() && is_file(folder / "data.json")) return rows_beside(folder / "data.json", folder);
  if (out.rows.empty())
    return fail(no_layout("MMMU", folder,
                          "Accounting/validation-*.parquet and so on, data/validation-*.parquet, data.json"));
  out.images = {.kind = sources::ImagePlace::Kind::columns, .path = folder};
  return out;
}

constexpr RowFormat format{.read = read_row, .layout = layout};

/// The options of an item, which was read by read_row() once; empty for an open question.
std::vector<std::string> options_of_item(const Item& item) {
  simdjson::dom::parser parser;
  std::string_view type;
  simdjson::dom::element row;
  if (parser.parse(item.json).get(row) != simdjson::SUCCESS ||
      row["question_type"].get(type) != simdjson::SUCCESS || type != multiple_choice)
    return {};
  return options_of(item.json, "options");
}

Mark mark(const Item& item, std::string_view answer, Script script) {
  if (const auto options = options_of_item(item); !options.empty()) {
    const auto chosen = mmmu::chosen_option(answer, options, script);
    if (chosen) return mark_of_option(item, chosen);
    // What a guess is worth: metrics show the mean of these values beside the accuracy.
    return {"wrong", 1.0 / static_cast<double>(options.size()), true};
  }
  std::vector<std::string> truths = {item.target};
  if (script == Script::authors && item.target.starts_with('[')) {
    if (auto list = read_python_list(item.target)) truths = *std::move(list);
  }
  return mark_of(mmmu::any_right(mmmu::meant(answer), truths), std::nullopt);
}

metrics::Figures make_figures() {
  metrics::Figures out = accuracy_figures();
  metrics::Rate guessing = accuracy_where("accuracy_guessing", "Accuracy with guesses", {});
  guessing.labels = {};
  out.rates.push_back(std::move(guessing));
  out.means = {mean_over("accuracy_domains", "Mean over domains", "domain"),
               mean_over("accuracy_subjects", "Mean over subjects", "subject")};
  metrics::Group domain{.name = "domain", .title = "Domain", .plural = "domains"};
  metrics::Group subject{.name = "subject", .title = "Subject", .within = "domain", .plural = "subjects"};
  for (const Domain& each : domains()) {
    domain.values.emplace_back(each.name);
    subject.values.insert(subject.values.end(), each.subjects.begin(), each.subjects.end());
  }
  out.groups = {std::move(domain), std::move(subject)};
  out.prose.caption =
      "Accuracy: the share of questions answered right. An answer in which no choice can be read is wrong; "
      "with "
      "guesses, it counts as what drawing a choice at random is worth.";
  return out;
}

/// HoliSafe's paper (v1, table 5); its figures are lmms-eval's, over the 900 questions of validation.
std::span<const metrics::PublishedScore> published(std::string_view judge) {
  static constexpr std::array<PublishedAccuracy, 4> table{
      {{"LLaVA-v1.5-7B", 0.353}, {"SPA-VL-DPO-7B", 0.359}, {"VLGuard-7B", 0.366}, {"SafeLLaVA-7B", 0.363}}};
  static const auto scores = accuracies(table, 3);
  if (judge != lmms_eval_rule) return {};
  return scores;
}

Benchmark make() {
  static const metrics::Figures figures = make_figures();
  Benchmark out;
  out.name = "mmmu";
  out.title = "MMMU";
  out.kind = Kind::utility;
  out.licence = "Apache-2.0";
  out.reference = R"(@inproceedings{yue2024mmmu,
  title = {{MMMU}: A Massive Multi-discipline Multimodal Understanding and Reasoning Benchmark for Expert {AGI}},
  author = {Yue, Xiang and Ni, Yuansheng and Zhang, Kai and Zheng, Tianyu and Liu, Ruoqi and Zhang, Ge and Stevens, Samuel and Jiang, Dongfu and Ren, Weiming and Sun, Yuxuan and Wei, Cong and Yu, Botao and Yuan, Ruibin and Sun, Renliang and Yin, Ming and Zheng, Boyuan and Yang, Zhenzhu and Liu, Yibo and Huang, Wenhao and Sun, Huan and Su, Yu and Chen, Wenhu},
  booktitle = {Proceedings of the IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)},
  year = {2024}
}
)";
  out.splits = {"dev", "validation", "test"};
  out.split_rows = {150, 900, 10500};
  out.default_split = default_split;
  out.format = &format;
  out.max_new_tokens = 128;
  out.compares_targets = true;
  out.rules = rules_of_scripts<mark>();
  out.refused = "wrong";
  out.complied = "wrong";
  out.figures = &figures;
  out.published = Published{{900}, published};
  return out;
}

}  // namespace

const Benchmark& mmmu_bench() {
  static const Benchmark benchmark = make();
  return benchmark;
}

}  // namespace holisafe::benchmarks
