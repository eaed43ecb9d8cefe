#include "metrics/published.h"

#include <charconv>

namespace holisafe::metrics {

extern const std::string_view string_csv;
extern const std::string_view gpt4o_csv;
extern const std::string_view claude_csv;
extern const std::string_view gemini_csv;

namespace {

/// Takes the text up to the next `separator` off the front of `rest`.
std::string_view take(std::string_view& rest, char separator) {
  const std::size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view out = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return out;
}

double percent(std::string_view& line) {
  const std::string_view field = take(line, ',');
  double out = 0;
  std::from_chars(field.data(), field.data() + field.size(), out);
  return out / 100;
}

/// Columns: Model, SSS_ok, SSU_ASR, USU_ASR, UUU_ASR, SUU_ASR, mASR, RR.
std::vector<PublishedScore> parse(std::string_view csv) {
  std::vector<PublishedScore> out;
  take(csv, '\n');
  while (!csv.empty()) {
    std::string_view line = take(csv, '\n');
    PublishedScore score;
    score.model = take(line, ',');
    percent(line);
    for (const std::size_t type : {1U, 2U, 4U, 3U}) score.types[type] = percent(line);
    score.masr = percent(line);
    score.types[0] = percent(line);
    out.push_back(score);
  }
  return out;
}

}  // namespace

std::span<const PublishedScore> published_scores(std::string_view judge) {
  static const auto string_matching = parse(string_csv);
  static const auto openai = parse(gpt4o_csv);
  static const auto anthropic = parse(claude_csv);
  static const auto gemini = parse(gemini_csv);
  if (judge == "string") return string_matching;
  if (judge.starts_with("openai:")) return openai;
  if (judge.starts_with("anthropic:")) return anthropic;
  if (judge.starts_with("gemini:")) return gemini;
  return {};
}

}  // namespace holisafe::metrics
