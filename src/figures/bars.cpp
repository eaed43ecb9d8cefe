// Bars, upright beside each other or lying below each other.
#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "figures/canvas.h"
#include "figures/layouts.h"
#include "figures/text_width.h"

namespace holisafe::figures {
namespace {

constexpr double small_text = 5;
constexpr double bold_wider = 1.15;

/// One line for each name, and what the bars say.
class Bars {
 public:
  explicit Bars(const BarChart& chart) : chart_(chart) {
    double most = 0;
    for (const Series& series : chart.series) {
      names_.push_back(one_line(series.name));
      for (std::size_t i = 0; i < series.values.size(); ++i)
        most = std::max({most, value(series, i).value_or(0), high(series, i)});
    }
    for (const std::string& label : chart.labels) labels_.push_back(one_line(label));
    axis_end_ = axis_end(most);
    digits_width_ = text_width(most < 0.1 ? "0.0" : (most < 1 ? "00.0" : "100.0"), small_text);
  }

  [[nodiscard]] const std::vector<std::string>& labels() const { return labels_; }
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  [[nodiscard]] double end() const { return axis_end_; }
  /// Of the widest of the values' digits.
  [[nodiscard]] double digits_width() const { return digits_width_; }
  /// With more the looks would repeat: then each bar has its name beside it.
  [[nodiscard]] bool named() const { return names_.size() > box_kinds; }

  /// "safe, SSU ASR: 12.3% (95%: 10.1–14.9%)".
  [[nodiscard]] std::string title(std::size_t series, std::size_t label) const {
    const Series& one = chart_.series[series];
    std::string out = fmt::format("{}, {}: {}", names_[series], labels_[label], percent(value(one, label)));
    if (const auto ends = interval(one, label)) out += fmt::format(" (95%: {})", percent_range(ends));
    return out;
  }

  static std::optional<double> value(const Series& series, std::size_t label) {
    return label < series.values.size() ? series.values[label] : std::nullopt;
  }
  static std::optional<metrics::Interval> interval(const Series& series, std::size_t label) {
    return label < series.intervals.size() ? series.intervals[label] : std::nullopt;
  }
  [[nodiscard]] std::vector<Canvas::LegendEntry> legend(Canvas& canvas) const {
    std::vector<Canvas::LegendEntry> out;
    if (names_.size() < 2 || named()) return out;
    for (std::size_t i = 0; i < names_.size(); ++i)
      out.push_back({names_[i], [&canvas, i](const Box& box) { canvas.box(box, i, ""); }});
    return out;
  }
  [[nodiscard]] const BarChart& chart() const { return chart_; }

 private:
  static double high(const Series& series, std::size_t label) {
    const auto ends = interval(series, label);
    return ends ? ends->high : 0;
  }

  const BarChart& chart_;
  std::vector<std::string> labels_;
  std::vector<std::string> names_;
  double axis_end_ = 1;
  double digits_width_ = 0;
};

/// "12.3": the digits of percent().
std::string digits(double value) {
  std::string out = percent(value);
  out.pop_back();
  return out;
}

// --- Upright ---

constexpr double bar_share = 0.8;  ///< of a group's width

/// The width of a group where bars can stand upright with their labels below.
std::optional<double> group_width(const Bars& bars, double width) {
  constexpr double thinnest = 3.5;
  const double inside = width - text_width("100%", text_size) - 5 - line_height;
  const double group = inside / static_cast<double>(std::max<std::size_t>(1, bars.labels().size()));
  if (bars.chart().horizontal || !bars.chart().highlight.empty() || bars.named()) return std::nullopt;
  if (group * bar_share / static_cast<double>(std::max<std::size_t>(1, bars.names().size())) < thinnest)
    return std::nullopt;
  for (const std::string& label : bars.labels()) {
    for (const std::string& word : wrapped(label, text_size, group)) {
      if (text_width(word, text_size) > group) return std::nullopt;
    }
  }
  return group;
}

void draw_upright_bar(Canvas& canvas, const Bars& bars, std::size_t series, std::size_t label,
                      const Box& place, const Scale& scale) {
  const Series& one = bars.chart().series[series];
  const auto value = Bars::value(one, label);
  if (!value) return;
  const double width = place.right - place.left;
  const double top = scale.at(*value);
  canvas.box({place.left, top, place.right, place.bottom}, series, bars.title(series, label));
  double above = top;
  if (const auto ends = Bars::interval(one, label)) {
    const double centre = (place.left + place.right) / 2;
    canvas.whisker({centre, scale.at(ends->low)}, {centre, scale.at(ends->high)}, std::min(2.5, width / 4));
    above = std::min(above, scale.at(ends->high));
  }
  if (bars.digits_width() > width + 1) return;
  canvas.text({.at = {(place.left + place.right) / 2, above - 1.5},
               .text = digits(*value),
               .size = small_text,
               .anchor = Text::Anchor::middle});
}

Drawing draw_upright(const Bars& bars, double width, double group) {
  Canvas canvas(width, one_line(bars.chart().title));
  const double left = line_height + text_width("100%", text_size) + 5;
  const double top = text_size + 1;
  const double bottom = top + (width > 400 ? 170 : 130);
  const Scale scale{bars.end(), bottom, top};
  for (const double tick : axis_ticks(bars.end())) {
    const double y = scale.at(tick);
    canvas.line({left, y}, {width, y}, {0.4, 0.85, {}});
    canvas.text(
        {.at = {left - 3, y + text_size * 0.36}, .text = tick_text(tick), .anchor = Text::Anchor::end});
  }
  canvas.text({.at = {text_size, (top + bottom) / 2},
               .text = fitted(one_line(bars.chart().axis), text_size, bottom - top),
               .anchor = Text::Anchor::middle,
               .upright = true});
  const double bar = group * bar_share / static_cast<double>(bars.names().size());
  std::size_t lines = 1;
  for (std::size_t label = 0; label < bars.labels().size(); ++label) {
    const double start = left + group * (static_cast<double>(label) + (1 - bar_share) / 2);
    for (std::size_t series = 0; series < bars.names().size(); ++series) {
      const double x = start + bar * static_cast<double>(series);
      draw_upright_bar(canvas, bars, series, label, {x, top, x + bar, bottom}, scale);
    }
    const auto words = wrapped(bars.labels()[label], text_size, group);
    lines = std::max(lines, words.size());
    for (std::size_t i = 0; i < words.size(); ++i) {
      canvas.text({.at = {start + group * bar_share / 2, bottom + line_height * static_cast<double>(i + 1)},
                   .text = words[i],
                   .anchor = Text::Anchor::middle});
    }
  }
  canvas.line({left, bottom}, {width, bottom});
  const double below = bottom + line_height * static_cast<double>(lines) + 5;
  return canvas.finish(canvas.legend(bars.legend(canvas), left, below) + 1);
}

// --- Lying ---

/// A bar's row: its look, its name where it has one of its own, and whether it stands out.
struct LyingBar {
  std::size_t series = 0;
  std::size_t label = 0;
  double top = 0;
  double height = 0;
  std::size_t kind = 0;
};

struct LyingLabel {
  std::string text;
  double middle = 0;
  bool bold = false;
};

struct LyingRows {
  std::vector<LyingBar> bars;
  std::vector<LyingLabel> labels;
  double bottom = 0;
};

LyingRows lying_rows(const Bars& bars) {
  constexpr double thick = 6;
  constexpr double gap = 3;
  LyingRows out;
  const auto& highlight = bars.chart().highlight;
  const std::size_t series_count = bars.names().size();
  double y = 1;
  for (std::size_t label = 0; label < bars.labels().size(); ++label) {
    const bool high = std::find(highlight.begin(), highlight.end(), label) != highlight.end();
    const double start = y;
    if (bars.named()) {
      out.labels.push_back({bars.labels()[label], y + line_height / 2, true});
      y += line_height;
    }
    for (std::size_t series = 0; series < series_count; ++series) {
      // What stands out is dark; in a chart of one series the rest is white.
      const std::size_t kind = high ? 3 : (bars.named() ? 1 : series);
      out.bars.push_back({series, label, y, thick, kind});
      if (bars.named()) {
        out.labels.push_back({bars.names()[series], y + thick / 2, false});
        y += gap;
      }
      y += thick;
    }
    if (!bars.named()) out.labels.push_back({bars.labels()[label], (start + y) / 2, high});
    y += gap;
  }
  out.bottom = y;
  return out;
}

void draw_lying_bar(Canvas& canvas, const Bars& bars, const LyingBar& bar, const Scale& scale) {
  const Series& one = bars.chart().series[bar.series];
  const auto value = Bars::value(one, bar.label);
  if (!value) return;
  const double middle = bar.top + bar.height / 2;
  canvas.box({scale.from, bar.top, scale.at(*value), bar.top + bar.height}, bar.kind,
             bars.title(bar.series, bar.label));
  double behind = scale.at(*value);
  if (const auto ends = Bars::interval(one, bar.label)) {
    canvas.whisker({scale.at(ends->low), middle}, {scale.at(ends->high), middle}, bar.height / 4);
    behind = std::max(behind, scale.at(ends->high));
  }
  canvas.text({.at = {behind + 2, middle + small_text * 0.36}, .text = digits(*value), .size = small_text});
}

Drawing draw_lying(const Bars& bars, double width) {
  Canvas canvas(width, one_line(bars.chart().title));
  const LyingRows rows = lying_rows(bars);
  double left = 0;
  for (const LyingLabel& label : rows.labels) {
    const double size = text_size * (label.bold ? bold_wider : 1);
    left = std::max(left, text_width(label.text, size));
  }
  left = std::min(left, width * 0.45) + 5;
  const double right = width - text_width("100.0", small_text) - 4;
  const Scale scale{bars.end(), left, right};
  for (const double tick : axis_ticks(bars.end())) {
    const double x = scale.at(tick);
    canvas.line({x, 0}, {x, rows.bottom}, {0.4, 0.85, {}});
    canvas.text(
        {.at = {x, rows.bottom + line_height}, .text = tick_text(tick), .anchor = Text::Anchor::middle});
  }
  for (const LyingLabel& label : rows.labels) {
    canvas.text({.at = {left - 4, label.middle + text_size * 0.36},
                 .text = fitted(label.text, text_size * (label.bold ? bold_wider : 1), left - 4),
                 .anchor = Text::Anchor::end,
                 .bold = label.bold});
  }
  for (const LyingBar& bar : rows.bars) draw_lying_bar(canvas, bars, bar, scale);
  canvas.line({left, 0}, {left, rows.bottom});
  double below = rows.bottom + line_height + 5;
  if (const std::string axis = one_line(bars.chart().axis); !axis.empty()) {
    canvas.text({.at = {(left + right) / 2, below + text_size},
                 .text = fitted(axis, text_size, width - left),
                 .anchor = Text::Anchor::middle});
    below += line_height + 2;
  }
  return canvas.finish(canvas.legend(bars.legend(canvas), 2, below) + 1);
}

}  // namespace

Drawing draw_bars(const BarChart& chart, double width) {
  const Bars bars(chart);
  const auto group = group_width(bars, width);
  return group ? draw_upright(bars, width, *group) : draw_lying(bars, width);
}

}  // namespace holisafe::figures
