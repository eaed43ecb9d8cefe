// MMMU (arXiv 2311.16502): college-level questions with up to seven images named in their text. Rows as JSON,
// `data.json` or a file of lines, beside the images.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/text.h"
#include "benchmarks/json_rows.h"
#include "benchmarks/mmmu_rules.h"
#include "benchmarks/python_list.h"
#include "benchmarks/sets.h"
#include "dataset/row_elements.h"

namespace holisafe::benchmarks {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t most_images = 7;
constexpr std::size_t most_options = 26;  // letters
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

/// Choices stand as a Python list printed as text, or as a list of JSON.
Result<std::vector<std::string>> read_options(dom::element value) {
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) return read_python_list(text);
  dom::array list;
  std::vector<std::string> out;
  if (value.get(list) == simdjson::SUCCESS) {
    for (const dom::element each : list) {
      if (each.get(text) != simdjson::SUCCESS)
        return fail(ErrorKind::wrong_type, "", "",
                    fmt::format("expected a list of strings, found {} in it", dataset::kind_of(each)));
      out.emplace_back(text);
    }
    return out;
  }
  return fail(ErrorKind::wrong_type, "", "",
              fmt::format("expected a list of strings, found {}", dataset::kind_of(value)));
}

std::vector<std::string> take_options(RowReading& reading) {
  const auto value = reading.value("options");
  if (!value) {
    reading.problem("options", ErrorKind::missing, "expected a list of strings, found nothing");
    return {};
  }
  auto options = read_options(*value);
  if (!options) {
    const Error& error = options.error();
    reading.problem(
        "options", error.kind,
        error.what.empty() ? error.detail : fmt::format("{}: {}: {}", error.what, error.where, error.detail));
    return {};
  }
  if (options->empty() || options->size() > most_options) {
    reading.problem("options", ErrorKind::out_of_range,
                    fmt::format("expected 1 to {} choices, found {}", most_options, options->size()));
  }
  return *std::move(options);
}

void check_letter(RowReading& reading, std::string_view answer, std::size_t options) {
  if (options == 0 ||
      (answer.size() == 1 && answer[0] >= 'A' && answer[0] < static_cast<char>('A' + options)))
    return;
  reading.problem("answer", ErrorKind::out_of_range,
                  fmt::format("expected a letter from A to {}, found \"{}\"",
                              static_cast<char>('A' + options - 1), answer));
}

std::string prompt_of(std::string_view question, bool open, const std::vector<std::string>& options) {
  std::string out(question);
  if (!open) {
    for (std::size_t i = 0; i < options.size(); ++i)
      out += fmt::format("\n{}. {}", static_cast<char>('A' + i), options[i]);
  }
  return out + fmt::format("\n\n{}", open ? open_prompt : choice_prompt);
}

using Images = std::array<std::string, most_images>;

Images take_images(RowReading& reading) {
  Images out;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::string field = fmt::format("image_{}", i + 1);
    if (const auto path = reading.optional_text(field)) {
      reading.take_image(field, *path);
      out[i] = *path;
    }
  }
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
  const auto question = reading.text("question");
  const auto type = reading.text("question_type");
  const auto answer = reading.text("answer");
  const bool open = type == "open";
  if (type && !open && *type != multiple_choice) {
    reading.problem("question_type", ErrorKind::out_of_range,
                    fmt::format("expected multiple-choice or open, found \"{}\"", *type));
  }
  const bool choice = type == multiple_choice;
  const auto options = choice ? take_options(reading) : std::vector<std::string>();
  if (choice && answer) check_letter(reading, *answer, options.size());
  const std::string subject = take_subject(reading);
  const Images images = take_images(reading);
  auto parts = parts_of(reading, prompt_of(question.value_or(""), open, options), images);
  if (!reading.sound()) return std::nullopt;
  Item out = reading.item();
  out.parts = std::move(parts);
  out.query = *question;
  out.groups = {{"domain", domain_of(subject)}, {"subject", subject}};
  const auto shown = out.images();
  out.cluster = shown.empty() ? out.id : shown.front();
  out.target = *answer;
  return out;
}

constexpr RowFormat format{"data.json", "", read_row};

/// The choices of an item, which was read by read_row() once; empty for an open question.
std::vector<std::string> options_of(const Item& item) {
  dom::parser parser;
  dom::object row;
  std::string_view type;
  dom::element value;
  if (parser.parse(item.json).get(row) != simdjson::SUCCESS ||
      row["question_type"].get(type) != simdjson::SUCCESS || type != multiple_choice ||
      row["options"].get(value) != simdjson::SUCCESS)
    return {};
  return read_options(value).value_or(std::vector<std::string>());
}

Mark mark_of(bool right) { return {right ? "right" : "wrong", right ? 1.0 : 0.0, false}; }

Mark mark(const Item& item, std::string_view answer, mmmu::Script script) {
  if (const auto options = options_of(item); !options.empty()) {
    const auto chosen = mmmu::chosen_option(answer, options, script);
    // What a guess is worth: metrics show the mean of these values beside the accuracy.
    if (!chosen) return {"wrong", 1.0 / static_cast<double>(options.size()), true};
    return mark_of(item.target == std::string(1, static_cast<char>('A' + *chosen)));
  }
  std::vector<std::string> truths = {item.target};
  if (script == mmmu::Script::authors && item.target.starts_with('[')) {
    if (auto list = read_python_list(item.target)) truths = *std::move(list);
  }
  return mark_of(mmmu::any_right(mmmu::meant(answer), truths));
}

metrics::Figures make_figures() {
  metrics::Figures out;
  out.labels = {"right", "wrong"};
  metrics::Rate accuracy;
  accuracy.name = "accuracy";
  accuracy.title = "Accuracy";
  accuracy.labels = {"right"};
  accuracy.higher_is_better = true;
  metrics::Rate guessing = accuracy;
  guessing.name = "accuracy_guessing";
  guessing.title = "Accuracy with guesses";
  guessing.labels = {};
  out.rates = {accuracy, guessing};
  const auto mean = [&](const char* name, const char* title, const char* group) {
    metrics::Mean each;
    each.name = name;
    each.title = title;
    each.each = group;
    each.higher_is_better = true;
    out.means.push_back(std::move(each));
  };
  mean("accuracy_domains", "Mean over domains", "domain");
  mean("accuracy_subjects", "Mean over subjects", "subject");
  out.primary = "accuracy";
  metrics::Group domain{.name = "domain", .title = "Domain", .plural = "domains"};
  metrics::Group subject{.name = "subject", .title = "Subject", .within = "domain", .plural = "subjects"};
  for (const Domain& each : domains()) {
    domain.values.emplace_back(each.name);
    subject.values.insert(subject.values.end(), each.subjects.begin(), each.subjects.end());
  }
  out.groups = {std::move(domain), std::move(subject)};
  out.prose.rows = "questions";
  out.prose.caption =
      "Accuracy: the share of questions answered right. An answer in which no choice can be read is wrong; "
      "with "
      "guesses, it counts as what drawing a choice at random is worth.";
  return out;
}

/// HoliSafe's paper (v1, table 5); its figures are lmms-eval's, over the 900 questions of validation.
std::span<const metrics::PublishedScore> published(std::string_view judge) {
  static const std::vector<metrics::PublishedScore> scores = [] {
    std::vector<metrics::PublishedScore> out;
    const auto add = [&](const char* model, double accuracy) {
      out.push_back({model, {accuracy, std::nullopt, std::nullopt, std::nullopt}});
    };
    add("LLaVA-v1.5-7B", 0.353);
    add("SPA-VL-DPO-7B", 0.359);
    add("VLGuard-7B", 0.366);
    add("SafeLLaVA-7B", 0.363);
    return out;
  }();
  if (judge != "lmms-eval") return {};
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
  out.default_split = "validation";
  out.open = [](const std::filesystem::path& data) { return open_json_rows(format, data); };
  out.read_all = [](const std::filesystem::path& data, const OnItem& on_item) {
    return read_json_rows(format, data, on_item);
  };
  out.max_new_tokens = 128;
  out.rules = {{"authors",
                [](const Item& item, std::span<const std::string> answers) {
                  return mark(item, answers.front(), mmmu::Script::authors);
                },
                true},
               {"lmms-eval",
                [](const Item& item, std::span<const std::string> answers) {
                  return mark(item, answers.front(), mmmu::Script::lmms_eval);
                },
                true}};
  out.filtered = "wrong";
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
