#include "benchmarks/answer_marks.h"

#include <utility>

namespace holisafe::benchmarks {

Mark mark_of(bool right, std::optional<std::string> parsed) {
  return {right ? "right" : "wrong", right ? 1.0 : 0.0, false, std::move(parsed)};
}

Mark mark_of_letter(const Item& item, const std::optional<std::string>& letter) {
  if (!letter) return {"wrong", 0, true};
  return mark_of(*letter == item.target, letter);
}

Mark mark_of_option(const Item& item, std::optional<std::size_t> option) {
  return mark_of_letter(item, option ? std::optional(letter(*option)) : std::nullopt);
}

metrics::Rate accuracy_where(const char* name, const char* title, std::vector<metrics::Where> where) {
  metrics::Rate out;
  out.name = name;
  out.title = title;
  out.where = std::move(where);
  out.labels = {"right"};
  out.higher_is_better = true;
  return out;
}

metrics::Figures accuracy_figures() {
  metrics::Figures out;
  out.labels = {"right", "wrong"};
  out.rates = {accuracy_where("accuracy", "Accuracy", {})};
  out.primary = "accuracy";
  out.prose.rows = "questions";
  out.prose.caption =
      "Accuracy: the share of questions answered right. An answer in which no choice can be read is wrong.";
  return out;
}

metrics::Mean mean_over(const char* name, const char* title, const char* group) {
  metrics::Mean out;
  out.name = name;
  out.title = title;
  out.each = group;
  out.higher_is_better = true;
  return out;
}

std::vector<metrics::PublishedScore> accuracies(std::span<const PublishedAccuracy> published,
                                                std::size_t others) {
  std::vector<metrics::PublishedScore> out;
  for (const auto& each : published) {
    out.push_back({each.model, {each.accuracy}});
    out.back().figures.resize(1 + others);
  }
  return out;
}

}  // namespace holisafe::benchmarks
