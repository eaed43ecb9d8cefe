#include "metrics/figure_json.h"

#include <nlohmann/json.hpp>

namespace holisafe::metrics {

using Json = nlohmann::ordered_json;

nlohmann::ordered_json number_json(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

nlohmann::ordered_json count_json(const std::optional<std::uint64_t>& count) {
  return count ? Json(*count) : Json(nullptr);
}

nlohmann::ordered_json ends_json(const std::optional<Interval>& interval) {
  return interval ? Json::array({interval->low, interval->high}) : Json(nullptr);
}

nlohmann::ordered_json figures_json(const Score& score) {
  Json out = Json::object();
  for (std::size_t i = 0; i < score.figures.size(); ++i) {
    const Figure& figure = score.figures[i];
    out[std::string(figure_name(*score.definition, i).name)] = {{"value", number_json(figure.value)},
                                                                {"n", figure.tally.rows()},
                                                                {"interval", ends_json(figure.interval)}};
  }
  return out;
}

nlohmann::ordered_json groups_json(const Score& score) {
  const Figures& definition = *score.definition;
  const std::size_t primary = primary_figure(definition);
  const std::string name(figure_name(definition, primary).name);
  Json out = Json::object();
  for (std::size_t group = 0; group < score.groups.size(); ++group) {
    Json& values = out[definition.groups[group].name] = Json::object();
    for (const GroupValue& value : score.groups[group])
      values[value.value] = {{"n", value.rows}, {name, number_json(value.figures[primary].value)}};
  }
  return out;
}

nlohmann::ordered_json bounds_json(const Score& score) {
  Json out = Json::object();
  for (std::size_t i = 0; i < score.figures.size(); ++i) {
    const Figure& figure = score.figures[i];
    out[std::string(figure_name(*score.definition, i).name)] =
        figure.low && figure.high ? Json::array({*figure.low, *figure.high}) : Json(nullptr);
  }
  return out;
}

namespace {

Json difference_json(const PairedFigure& figure) {
  return {{"n", figure.rows},
          {"first", figure.first},
          {"second", figure.second},
          {"difference", figure.difference},
          {"interval", ends_json(figure.interval)}};
}

}  // namespace

nlohmann::ordered_json to_json(const std::optional<PairedFigure>& figure) {
  if (!figure) return nullptr;
  Json out = difference_json(*figure);
  if (const auto& test = figure->test) {
    out["mcnemar"] = {{"only_first_wrong", test->only_first_wrong},
                      {"only_second_wrong", test->only_second_wrong},
                      {"p_value", test->p_value}};
  } else {
    out["mcnemar"] = nullptr;
  }
  return out;
}

nlohmann::ordered_json figures_json(const Comparison& comparison) {
  Json out = Json::object();
  for (std::size_t i = 0; i < comparison.figures.size(); ++i) {
    Json& each = out[std::string(figure_name(*comparison.definition, i).name)];
    const auto& figure = comparison.figures[i];
    if (!figure) continue;
    each = difference_json(*figure);
    const auto& test = figure->test;
    each["p_value"] = test ? Json(test->p_value) : Json(nullptr);
    each["only_first_wrong"] = test ? Json(test->only_first_wrong) : Json(nullptr);
    each["only_second_wrong"] = test ? Json(test->only_second_wrong) : Json(nullptr);
  }
  return out;
}

nlohmann::ordered_json to_json(const Agreement& agreement) {
  return {{"n", agreement.judged()},
          {"raw", number_json(agreement.raw())},
          {"kappa", number_json(agreement.kappa())}};
}

}  // namespace holisafe::metrics
