#include "runs/bounds_check.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/markup.h"

namespace holisafe::runs {
namespace {

/// Text of an XML attribute; what XML cannot hold becomes a question mark.
std::string xml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (const std::string_view name = entity(c); !name.empty()) {
      out += name;
    } else {
      out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    }
  }
  return out;
}

std::string percent(double fraction) { return fmt::format("{:.2f}%", fraction * 100); }

void add_suite(std::span<const FigureCheck> checks, std::string& out) {
  std::size_t failures = 0;
  for (const auto& check : checks) failures += check.fell_short() ? 1 : 0;
  out += fmt::format("  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"0\">\n",
                     xml(fmt::format("{} ({})", checks[0].run, checks[0].judge)), checks.size(), failures);
  for (const auto& check : checks) {
    out += fmt::format("    <testcase classname=\"{}\" name=\"{}\"", xml(check.run + "." + check.judge),
                       xml(check.figure));
    const std::string found = check.value ? percent(*check.value) : "undefined";
    if (check.fell_short()) {
      out += fmt::format(">\n      <failure message=\"expected at {} {}, found {}\"/>\n    </testcase>\n",
                         check.higher_is_better ? "least" : "most", percent(*check.bound), found);
    } else {
      out += fmt::format(">\n      <system-out>{}</system-out>\n    </testcase>\n", found);
    }
  }
  out += "  </testsuite>\n";
}

/// Each bound must be on a figure of some run; the others' benchmarks need not have it.
Result<void> check_names(std::span<const report::ScoredRun> runs, const FigureBounds& bounds) {
  for (const auto& [name, value] : bounds.figures) {
    const bool known = std::any_of(runs.begin(), runs.end(), [&name = name](const report::ScoredRun& run) {
      return run.score.find(name) != nullptr;
    });
    if (known || runs.empty()) continue;
    std::vector<std::string_view> names;
    for (const report::ScoredRun& run : runs) {
      const metrics::Figures& figures = *run.score.definition;
      for (std::size_t i = 0; i < metrics::figure_count(figures); ++i) {
        const std::string_view figure = metrics::figure_name(figures, i).name;
        if (std::find(names.begin(), names.end(), figure) == names.end()) names.push_back(figure);
      }
    }
    return fail(ErrorKind::usage, "no such figure", runs.front().name,
                fmt::format("expected one of {}, found \"{}\"", fmt::join(names, ", "), name));
  }
  return {};
}

}  // namespace

Result<std::vector<FigureCheck>> check_figures(std::span<const report::ScoredRun> runs,
                                               const FigureBounds& bounds) {
  std::vector<FigureCheck> out;
  HOLISAFE_CHECK(check_names(runs, bounds));
  for (const auto& run : runs) {
    const metrics::Figures& figures = *run.score.definition;
    const auto watched = metrics::rates_of(figures, metrics::primary_figure(figures));
    const auto add = [&](std::size_t i) {
      const auto name = metrics::figure_name(figures, i);
      std::optional<double> bound;
      if (std::find(watched.begin(), watched.end(), i) != watched.end()) bound = bounds.primary_rates;
      for (const auto& [figure, value] : bounds.figures) {
        if (figure == name.name) bound = value;
      }
      out.push_back({run.name, run.score.judge, std::string(name.title), run.score.figures[i].value, bound,
                     name.higher_is_better});
    };
    for (std::size_t i = figures.rates.size(); i < run.score.figures.size(); ++i) add(i);
    for (std::size_t i = 0; i < figures.rates.size(); ++i) add(i);
    const auto rows = static_cast<double>(run.score.rows());
    const auto unjudged = static_cast<double>(run.score.unjudged());
    out.push_back({run.name, run.score.judge, "unjudged",
                   rows > 0 ? std::optional(unjudged / rows) : std::nullopt, bounds.unjudged});
  }
  for (const auto& check : out) {
    if (!check.bound || check.value) continue;
    return fail(ErrorKind::missing, "no rows to check", fmt::format("{} ({})", check.run, check.judge),
                fmt::format("expected rows that define {}, found none", check.figure));
  }
  return out;
}

std::string junit(std::span<const FigureCheck> checks) {
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"holisafe\">\n";
  for (std::size_t start = 0; start < checks.size();) {
    std::size_t end = start;
    while (end < checks.size() && checks[end].run == checks[start].run &&
           checks[end].judge == checks[start].judge)
      ++end;
    add_suite(checks.subspan(start, end - start), out);
    start = end;
  }
  return out + "</testsuites>\n";
}

}  // namespace holisafe::runs
