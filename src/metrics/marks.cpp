#include "metrics/marks.h"

#include <algorithm>

namespace holisafe::metrics {

MarkNumber mark_number(const Figures& figures, std::string_view label, double value, bool unparsed) {
  if (figures.labels.empty()) return {0, unparsed, value};
  const auto place = std::find(figures.labels.begin(), figures.labels.end(), label);
  if (place == figures.labels.end()) return {};
  return {static_cast<std::uint8_t>(place - figures.labels.begin()), unparsed, value};
}

bool wrong_by(const Figures& figures, const Rate& rate, const MarkNumber& mark) {
  const bool counts = rate.labels.empty() ? mark.value >= 0.5
                                          : std::find(rate.labels.begin(), rate.labels.end(),
                                                      figures.labels[mark.label]) != rate.labels.end();
  return counts != rate.higher_is_better;
}

std::string_view group_value(const Groups& groups, std::string_view name) {
  for (const auto& [group, value] : groups) {
    if (group == name) return value;
  }
  return {};
}

bool stands_in(const std::vector<Where>& where, const Groups& groups) {
  return std::all_of(where.begin(), where.end(),
                     [&](const Where& entry) { return group_value(groups, entry.group) == entry.value; });
}

std::vector<std::string> groups_of_rates(const Figures& figures) {
  std::vector<std::string> out;
  for (const Rate& rate : figures.rates) {
    for (const Where& where : rate.where) {
      if (std::find(out.begin(), out.end(), where.group) == out.end()) out.push_back(where.group);
    }
  }
  return out;
}

std::string slice_name(const std::vector<Where>& where) {
  std::string out;
  for (const Where& entry : where) {
    if (!out.empty()) out += ", ";
    out += entry.value;
  }
  return out;
}

std::vector<Slice> slices_of(const Figures& figures) {
  std::vector<Slice> out;
  for (const Rate& rate : figures.rates) {
    const bool known =
        std::any_of(out.begin(), out.end(), [&](const Slice& slice) { return slice.where == rate.where; });
    if (!known) out.push_back({slice_name(rate.where), rate.where});
  }
  return out;
}

std::uint32_t Places::number(const Groups& groups) {
  key_.clear();
  for (const auto& [name, value] : groups) {
    key_ += name;
    key_ += '\0';
    key_ += value;
    key_ += '\0';
  }
  const auto [place, added] = numbers_.try_emplace(key_, static_cast<std::uint32_t>(all_.size()));
  if (added) all_.push_back(groups);
  return place->second;
}

}  // namespace holisafe::metrics
