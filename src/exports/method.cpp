#include "exports/method.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "exports/tex.h"
#include "report/figure_columns.h"

namespace holisafe::exports {
namespace {

/// "a", "a and b", "a, b and c".
std::string listed(const std::vector<std::string>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? " and " : ", ";
    out += words[i];
  }
  return out;
}

std::string data_text(const Source& source) {
  const std::string rows = report::or_else(source.benchmark->figures->prose.rows, "rows");
  return fmt::format("{} {} over {} images ({} SHA-256 {})", source.rows, rows, source.images,
                     source.is_file ? "prediction file" : "data", source.data_sha256);
}

std::string judge_text(const Source& source, const report::ScoredRun& score) {
  const std::string& judge = score.score.judge;
  if (!score.llm_judge) {
    return score.score.mode ? fmt::format("the benchmark's rule \"{}\" (mode {})", judge, *score.score.mode)
                            : fmt::format("the benchmark's rule \"{}\"", judge);
  }
  const auto place = std::find_if(source.prompts.begin(), source.prompts.end(),
                                  [&](const auto& prompt) { return prompt.first == judge; });
  const std::string prompt =
      place == source.prompts.end() ? "" : fmt::format(" (prompt SHA-256 {})", place->second);
  return fmt::format("the LLM judge {}{}", judge, prompt);
}

std::string unjudged_text(const Source& source) {
  std::vector<std::string> parts;
  for (const auto& score : source.scores) {
    if (score.score.unjudged() > 0)
      parts.push_back(fmt::format("{} (judge {})", score.score.unjudged(), score.score.judge));
  }
  if (parts.empty()) return {};
  return fmt::format(" Of {}, answers without a verdict, which are in no rate: {}.", source.title,
                     listed(parts));
}

std::string benchmark_text(const std::vector<const Source*>& sources) {
  std::vector<std::string> data;
  std::vector<std::string> names;
  std::vector<std::string> judges;
  for (const Source* source : sources) {
    add_once(data, data_text(*source));
    names.push_back(source->title);
    for (const auto& score : source->scores) add_once(judges, judge_text(*source, score));
  }
  std::string out(sources.front()->benchmark->title);
  if (data.size() == 1) out += fmt::format(", {}. Answers of {}.", data.front(), listed(names));
  for (const Source* source : sources) {
    if (data.size() > 1) {
      out += fmt::format("{} answers of {}: {}", source == sources.front() ? ":" : ";", source->title,
                         data_text(*source));
    }
  }
  if (data.size() > 1) out += ".";
  for (const Source* source : sources) out += unjudged_text(*source);
  if (!judges.empty()) out += fmt::format(" Answers were judged by {}.", listed(judges));
  return one_line(out);
}

constexpr const char* software_entry = R"(@misc{{holisafe_program,
  title = {{holisafe: safety of vision-language models, measured, guarded and made in one native program}},
  author = {{{{The holisafe authors}}}},
  note = {{Version {}}}
}}
)";

/// A key of letters, digits and dashes.
std::string entry_key(std::string_view judge) {
  std::string out = "judge-";
  for (const char c : judge) {
    const char lower = ascii_lower(c);
    const bool kept = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
    out += kept ? lower : '-';
  }
  return out;
}

/// "openai:gpt-4o" as an entry: the model, and where it was asked.
std::string judge_entry(const std::string& judge) {
  const std::size_t colon = std::min(judge.find(':'), judge.size());
  const std::string provider = judge.substr(0, colon);
  const std::string model = judge.substr(std::min(colon + 1, judge.size()));
  return fmt::format(
      "@misc{{{},\n  title = {{{{{}}}}},\n  author = {{{{{}}}}},\n  note = {{Judge of the answers}}\n}}\n",
      entry_key(judge), tex_text(model), tex_text(provider));
}

}  // namespace

std::string method_text(const std::vector<Source>& sources, const metrics::BootstrapOptions& bootstrap,
                        const std::string& version) {
  std::string out;
  for (const auto& group : by_benchmark(sources)) out += benchmark_text(group) + " ";
  if (bootstrap.resamples > 0) {
    out += fmt::format(
        "Intervals are 95% percentile intervals of {} bootstrap resamples (seed {}) that draw images, not "
        "rows: the queries of one image stand or fall together. Where a figure is 0 or 100%, the interval is "
        "Clopper and Pearson's exact one over the images. ",
        bootstrap.resamples, bootstrap.seed);
  }
  return out + fmt::format("Figures were made with holisafe {}.\n", version);
}

std::string references(const std::vector<Source>& sources, const std::string& version) {
  // Taxonomy, guard and string rules are HoliSafe's, whatever was measured.
  std::vector<std::string> entries = {std::string(benchmarks::all().front()->reference)};
  for (const Source& source : sources) add_once(entries, std::string(source.benchmark->reference));
  for (const Source& source : sources) {
    for (const auto& score : source.scores) {
      if (score.llm_judge) add_once(entries, judge_entry(score.score.judge));
    }
  }
  entries.push_back(fmt::format(software_entry, version));
  std::erase(entries, std::string());
  return fmt::format("{}", fmt::join(entries, "\n"));
}

}  // namespace holisafe::exports
