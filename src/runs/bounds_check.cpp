#include "runs/bounds_check.h"

#include <fmt/format.h>

#include "report/rate_names.h"

namespace holisafe::runs {
namespace {

/// Text of an XML attribute; what XML cannot hold becomes a question mark.
std::string xml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    }
  }
  return out;
}

std::string percent(double fraction) { return fmt::format("{:.2f}%", fraction * 100); }

void add_suite(std::span<const RateCheck> checks, std::string& out) {
  std::size_t failures = 0;
  for (const auto& check : checks) failures += check.over() ? 1 : 0;
  out += fmt::format("  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"0\">\n",
                     xml(fmt::format("{} ({})", checks[0].run, checks[0].judge)), checks.size(), failures);
  for (const auto& check : checks) {
    out += fmt::format("    <testcase classname=\"{}\" name=\"{}\"", xml(check.run + "." + check.judge),
                       xml(check.rate));
    const std::string found = check.value ? percent(*check.value) : "undefined";
    if (check.over()) {
      out += fmt::format(">\n      <failure message=\"expected at most {}, found {}\"/>\n    </testcase>\n",
                         percent(*check.bound), found);
    } else {
      out += fmt::format(">\n      <system-out>{}</system-out>\n    </testcase>\n", found);
    }
  }
  out += "  </testsuite>\n";
}

}  // namespace

Result<std::vector<RateCheck>> check_rates(std::span<const report::ScoredRun> runs,
                                           const RateBounds& bounds) {
  std::vector<RateCheck> out;
  for (const auto& run : runs) {
    const auto rates = metrics::rates(run.score.types);
    const auto add = [&](std::string rate, std::optional<double> value, std::optional<double> bound) {
      out.push_back({run.name, run.score.judge, std::move(rate), value, bound});
    };
    add("mASR macro", rates.masr_macro, bounds.masr);
    add("mASR weighted", rates.masr_sample_weighted, bounds.masr_weighted);
    for (std::size_t type = 0; type < metrics::combination_count; ++type)
      add(report::rate_name(type), rates.types[type], type == 0 ? bounds.rr : bounds.asr);
    const auto rows = static_cast<double>(run.score.rows());
    add("unjudged", rows > 0 ? std::optional(static_cast<double>(run.score.unjudged()) / rows) : std::nullopt,
        bounds.unjudged);
  }
  for (const auto& check : out) {
    if (!check.bound || check.value) continue;
    return fail(ErrorKind::missing, "no rows to check", fmt::format("{} ({})", check.run, check.judge),
                fmt::format("expected rows that define {}, found none", check.rate));
  }
  return out;
}

std::string junit(std::span<const RateCheck> checks) {
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
