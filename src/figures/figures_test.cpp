#include <array>
#include <set>

#include <cairo.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "figures/draw.h"
#include "figures/text_width.h"

namespace holisafe::figures {
namespace {

using metrics::Interval;
using testing::HasSubstr;
using testing::Not;

BarChart rates(std::size_t series) {
  BarChart out;
  out.title = "Rates";
  out.labels = {"SSS RR", "SSU ASR", "mASR macro"};
  for (std::size_t i = 0; i < series; ++i) {
    const double value = 0.123 + 0.05 * static_cast<double>(i);
    out.series.push_back({"model " + std::to_string(i),
                          {value, 0.5, std::nullopt},
                          {Interval{value - 0.1, value + 0.2}, std::nullopt, std::nullopt}});
  }
  return out;
}

LineChart curves() {
  return {"Curves",
          {{"guard", {{0, 0}, {0.25, 0.875}, {1, 1}}}, {"chance", {{0, 0}, {1, 1}}, true}},
          "false alarms",
          "recall"};
}

Matrix confusion() { return {"Confusion", {"safe", "weapons"}, {{40, 2}, {3, 17}}, "label", "prediction"}; }

PointChart points() {
  return {
      "Safety", {{"base", 0.6, 0.25, {}, Interval{0.2, 0.3}}, {"safe", 0.58, 0.95}}, "accuracy", "safety"};
}

std::vector<Chart> charts() { return {rates(2), rates(12), curves(), confusion(), points()}; }

/// Everything drawn lies on the page.
void expect_inside(const Drawing& drawing) {
  const auto inside = [&](Point point) {
    EXPECT_GE(point.x, -0.01);
    EXPECT_LE(point.x, drawing.width + 0.01);
    EXPECT_GE(point.y, -0.01);
    EXPECT_LE(point.y, drawing.height + 0.01);
  };
  for (const auto& shape : drawing.shapes) {
    if (const auto* path = std::get_if<Path>(&shape)) {
      for (const auto& line : path->lines) std::for_each(line.begin(), line.end(), inside);
      continue;
    }
    const Text& text = std::get<Text>(shape);
    const double length = text_width(text.text, text.size * (text.bold ? 1.15 : 1));
    const double before = text.anchor == Text::Anchor::start ? 0 : length;
    const double after = text.anchor == Text::Anchor::end ? 0 : length;
    const double part = text.anchor == Text::Anchor::middle ? 0.5 : 1;
    if (text.upright) {
      inside({text.at.x, text.at.y + before * part});
      inside({text.at.x, text.at.y - after * part});
    } else {
      inside({text.at.x - before * part, text.at.y});
      inside({text.at.x + after * part, text.at.y});
    }
  }
}

TEST(Draw, StaysOnThePageAtBothWidths) {
  for (const double width : {column_width, page_width}) {
    for (const Chart& chart : charts()) {
      const Drawing drawing = draw(chart, width);
      EXPECT_EQ(drawing.width, width);
      expect_inside(drawing);
    }
  }
  BarChart long_names = rates(3);
  for (Series& series : long_names.series) series.name = std::string(300, 'W');
  long_names.labels.assign(3, std::string(200, 'W'));
  long_names.highlight = {1};
  expect_inside(draw(long_names, column_width));
}

TEST(Draw, NothingToDrawIsStillAFigure) {
  for (const Chart& chart : {Chart(BarChart()), Chart(LineChart()), Chart(Matrix()), Chart(PointChart())}) {
    const Drawing drawing = draw(chart, column_width);
    EXPECT_GT(drawing.height, 0);
    EXPECT_TRUE(pdf(drawing));
  }
}

TEST(Svg, SaysEachBarsPercent) {
  for (const std::size_t series : {std::size_t{1}, std::size_t{2}, std::size_t{12}}) {
    const std::string text = svg(draw(rates(series), column_width));
    EXPECT_THAT(text, HasSubstr("<title>model 0, SSS RR: 12.3% (95%: 2.3\xe2\x80\x93"
                                "32.3%)</title>"));
    EXPECT_THAT(text, HasSubstr("<title>model 0, SSU ASR: 50.0%</title>"));
    EXPECT_THAT(text, Not(HasSubstr("mASR macro: ")));  // no value, no bar
    EXPECT_THAT(text, HasSubstr(">12.3</text>"));
  }
}

TEST(Svg, IsAsWideAsAColumnAndBlackOnWhite) {
  EXPECT_THAT(svg(draw(rates(2), column_width)), HasSubstr(" width=\"3.33in\" height=\""));
  EXPECT_THAT(svg(draw(rates(2), page_width)), HasSubstr(" width=\"6.9in\" height=\""));
  for (const Chart& chart : charts()) {
    const std::string text = svg(draw(chart, page_width));
    for (std::size_t at = text.find('#'); at != std::string::npos; at = text.find('#', at + 1)) {
      EXPECT_EQ(text.substr(at + 1, 2), text.substr(at + 3, 2));
      EXPECT_EQ(text.substr(at + 1, 2), text.substr(at + 5, 2));
    }
  }
}

TEST(Svg, TextOfOthersIsInert) {
  BarChart chart = rates(2);
  chart.series[0].name = "</svg><script>alert(1)</script>&\"\n\x1b[2J\xe2\x80\xae\xef\xbf\xbf\xff";
  const std::string text = svg(draw(chart, page_width));
  EXPECT_THAT(
      text,
      HasSubstr(
          "&lt;/svg&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;\\n\\x1b[2J\\u202e\xef\xbf\xbd\\xff"));
  EXPECT_THAT(text, Not(HasSubstr("<script")));
}

TEST(Pdf, SameDrawingSameBytesAndTheFontInside) {
  for (const Chart& chart : charts()) {
    const auto bytes = pdf(draw(chart, column_width));
    ASSERT_TRUE(bytes) << bytes.error().message();
    EXPECT_TRUE(bytes->starts_with("%PDF-"));
    EXPECT_THAT(*bytes, HasSubstr("/FontFile"));
    EXPECT_EQ(*bytes, *pdf(draw(chart, column_width)));
  }
}

TEST(Kinds, BoxesLookDifferent) {
  BarChart chart = rates(8);
  for (Series& series : chart.series) series = {series.name, {0.5, 0.5, 0.5}};
  chart.labels = {"a", "b", "c"};
  const std::string text = svg(draw(chart, page_width));
  // What is drawn for a series, moved to one place: a box's fill and how many lines cross it.
  std::set<std::string> looks;
  for (std::size_t i = 0; i < 8; ++i) {
    const std::size_t title = text.find("<title>model " + std::to_string(i) + ", a");
    const std::size_t begin = text.rfind("<path", title);
    const std::size_t end = text.find("</path>\n", title) + 8;
    const std::string fill = text.substr(text.find("fill=", begin), 14);
    std::string after = text.substr(end, text.find('\n', end) - end);
    if (after.find("stroke-width=\"0.4\"") == std::string::npos) after.clear();
    const std::size_t first = after.find('M');
    looks.insert(fill + after.substr(std::min(after.size(), first), 0) +
                 std::to_string(std::count(after.begin(), after.end(), 'M')));
  }
  EXPECT_GE(looks.size(), 6U);  // rising and falling lines are as many
}

TEST(TextWidth, IsTheFontsOwn) {
  cairo_surface_t* surface = cairo_image_surface_create(CAIRO_FORMAT_A8, 1, 1);
  cairo_t* context = cairo_create(surface);
  cairo_font_options_t* options = cairo_font_options_create();
  cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
  cairo_set_font_options(context, options);
  cairo_select_font_face(context, std::string(font_name).c_str(), CAIRO_FONT_SLANT_NORMAL,
                         CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(context, 100);
  for (const char* text : {"mASR macro", "LLaVA-v1.5-7B (openai:gpt-4o)", "0123456789.,%", "~{|}^_`@#$"}) {
    cairo_text_extents_t extents;
    cairo_text_extents(context, text, &extents);
    EXPECT_NEAR(text_width(text, 100), extents.x_advance, 1) << text;
  }
  cairo_font_options_destroy(options);
  cairo_destroy(context);
  cairo_surface_destroy(surface);
}

TEST(TextWidth, CutsAndWraps) {
  EXPECT_EQ(fitted("short", 7, 100), "short");
  const std::string cut = fitted("a very long name of a model", 7, 50);
  EXPECT_TRUE(cut.ends_with("\xe2\x80\xa6"));
  EXPECT_LE(text_width(cut, 7), 50);
  EXPECT_EQ(fitted("\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad", 7, 15), "\xe4\xb8\xad\xe2\x80\xa6");
  EXPECT_THAT(wrapped("mASR macro", 7, 30), testing::ElementsAre("mASR", "macro"));
  EXPECT_THAT(wrapped("mASR macro", 7, 300), testing::ElementsAre("mASR macro"));
}

}  // namespace
}  // namespace holisafe::figures
