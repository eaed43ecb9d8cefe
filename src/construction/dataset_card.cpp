#include "construction/dataset_card.h"

#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "construction/card_parts.h"
#include "exports/markdown.h"

namespace holisafe::construction {
namespace {

using exports::markdown_text;

/// A string of YAML, whatever it holds: JSON's are among YAML's, but that no character may be one that
/// terminals and YAML forbid.
std::string yaml_text(std::string_view text) {
  constexpr auto replace = nlohmann::json::error_handler_t::replace;
  return visible_json(nlohmann::json(text).dump(-1, ' ', /*ensure_ascii=*/false, replace));
}

constexpr std::string_view gated_prompt =
    "This data set holds pictures and texts that show or ask for harm: hate, violence, self-harm, sexual "
    "content, crime, "
    "and questions that deserve a refusal. It is made to train and to measure models that refuse them. By "
    "asking for "
    "access you confirm that you are of age, that you use it for that alone, that you do not spread its "
    "pictures or "
    "texts further, and that you do not use it to make models more harmful or to harm or identify anyone "
    "shown.";

/// Licences of the pictures stand for the data set's where nobody named one.
std::string front_license(const CardFacts& facts) {
  constexpr std::size_t most_listed = 10;
  if (!facts.license.empty()) return fmt::format("license: {}\n", yaml_text(facts.license));
  const auto found = facts.counts.licenses.entries();
  if (found.size() > most_listed) return "license: other\n";
  if (found.size() == 1) return fmt::format("license: {}\n", yaml_text(found.front().first));
  std::string out = "license:\n";
  for (const auto& [license, pairs] : found) out += fmt::format("- {}\n", yaml_text(license));
  return out;
}

std::string front_configurations(const CardFacts& facts) {
  std::string out = "configs:\n";
  std::string last;
  for (const Side side : {Side::train, Side::bench}) {
    const SideCounts& counts = side == Side::bench ? facts.counts.bench : facts.counts.train;
    if (counts.pairs == 0) continue;
    const CardFiles files = facts.format->files(side);
    if (files.configuration != last)
      out += fmt::format("- config_name: {}\n  data_files:\n", files.configuration);
    out += fmt::format("  - split: {}\n    path: {}\n", files.split, yaml_text(files.pattern));
    last = files.configuration;
  }
  return out;
}

std::string front_matter(const CardFacts& facts) {
  std::string out = "---\n";
  out += fmt::format("pretty_name: {}\n", yaml_text(title_of(facts)));
  out += front_license(facts);
  out += fmt::format("language:\n- {}\n", yaml_text(facts.language.empty() ? "und" : facts.language));
  out += "task_categories:\n- image-text-to-text\n- visual-question-answering\n- image-classification\n";
  out += fmt::format("size_categories:\n- {}\n", size_category(facts.counts.pairs()));
  out += "tags:\n- not-for-all-audiences\n- safety\n- vision-language\n- holisafe\n";
  out += fmt::format("extra_gated_prompt: {}\n", yaml_text(gated_prompt));
  out +=
      "extra_gated_fields:\n  I use these data to make or to measure safer models and for nothing else: "
      "checkbox\n";
  return out + front_configurations(facts) + "---\n";
}

std::string contents(const CardFacts& facts) {
  std::string out = "## What lies where\n\n";
  out += facts.format->layout;
  out +=
      "- `provenance.jsonl`: where each pair comes from: source, license, writer, checker, prompt, review.\n"
      "- `prompts/`: each prompt that models were asked with, under its SHA-256.\n"
      "- `DATASHEET.md`: how the data came about, and what they are for.\n\n";
  out +=
      "Fields: `type` is picture, text, and both together, S(afe) or U(nsafe); `category` and `subcategory` "
      "name the "
      "harm that the *pair* is about; `image_safety_label` is what the *picture* shows, 0 for nothing "
      "unsafe, 1 to 19 "
      "in the order of HoliSafe's classes.\n\n";
  out += combination_table(facts) + "\n" + subcategory_table(facts) + "\n";
  return out;
}

}  // namespace

std::string size_category(std::uint64_t pairs) {
  constexpr std::array<std::pair<std::uint64_t, std::string_view>, 6> bounds{{{1'000, "n<1K"},
                                                                              {10'000, "1K<n<10K"},
                                                                              {100'000, "10K<n<100K"},
                                                                              {1'000'000, "100K<n<1M"},
                                                                              {10'000'000, "1M<n<10M"},
                                                                              {100'000'000, "10M<n<100M"}}};
  for (const auto& [below, name] : bounds) {
    if (pairs < below) return std::string(name);
  }
  return "100M<n<1B";
}

std::string dataset_card(const CardFacts& facts) {
  std::string out = front_matter(facts);
  out += fmt::format("\n# {}\n\n", markdown_text(title_of(facts)));
  out += fmt::format(
      "{} pairs of a picture and an instruction, with an answer, on {} pictures. Each pair is one of five "
      "combinations: "
      "picture, text, and what they amount to together are safe or unsafe each. A good model helps on SSS "
      "and refuses, "
      "and says why, on the others.\n\n",
      facts.counts.pairs(), facts.counts.images());
  out +=
      "> **The pictures and texts show or ask for harm.** They are for training and measuring models that "
      "refuse it. "
      "Do not show them to people who did not ask for it.\n\n";
  out += contents(facts);
  out += "## How it was made\n\n";
  out +=
      "Instructions and answers were written by models, for pictures that people or models had labelled. " +
      check_text(facts) + "\n\n";
  out += near_duplicate_text(facts) + "\n\n";
  out += state_table(facts) + "\n";
  out += decline_text(facts) + "\n\n" + review_text(facts) + "\n\n";
  out += "## License\n\n" + license_text(facts) + "\n\n";
  out +=
      "## Limits\n\n"
      "Models wrote and checked the texts: expect pairs whose letters are wrong, answers that help too "
      "little or too "
      "much, and the tastes of a few writers. Labels follow HoliSafe's 19 subcategories and say nothing of "
      "harms "
      "beyond them. What is harmful depends on place and culture; the labels know one view of it.\n\n";
  out += fmt::format("Made with holisafe {}; the build began {}.\n", markdown_text(facts.version),
                     facts.created);
  return out;
}

}  // namespace holisafe::construction
