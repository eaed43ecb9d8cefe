#include "report/page.h"

#include <array>
#include <nlohmann/json.hpp>
#include <vector>

#include <fmt/format.h>

#include "base/hash.h"
#include "figures/draw.h"

namespace holisafe::report {

extern const std::string_view report_css;
extern const std::string_view report_js;
extern const std::string_view chart_min_js;

namespace {

using Json = nlohmann::ordered_json;

/// Writes blocks one after the other; charts leave a canvas in the page and their data in `charts`.
class Writer {
 public:
  std::string html;
  Json charts = Json::array();
  std::string section;  ///< title of the one that is written

  void write(const Block& block) {
    std::visit([this](const auto& content) { write(content); }, block.content);
  }

 private:
  template <class... Arguments>
  void add(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    fmt::format_to(std::back_inserter(html), format, std::forward<Arguments>(arguments)...);
  }

  /// Lets lines break after underscores.
  static std::string breakable(const std::string& escaped) {
    std::string out;
    for (const char c : escaped) {
      out += c;
      if (c == '_') out += "<wbr>";
    }
    return out;
  }

  /// An element with text, left out where the text is empty.
  void element(std::string_view tag, std::string_view style_class, std::string_view text) {
    if (!text.empty()) add("<{0} class=\"{1}\">{2}</{0}>", tag, style_class, escape(text));
  }

  void write(const Paragraph& paragraph) { add("<p>{}</p>\n", escape(paragraph.text)); }

  void write(const Heading& heading) { add("<h3>{}</h3>\n", escape(heading.text)); }

  void write(const Tiles& tiles) {
    html += "<div class=\"tiles\">\n";
    for (const Tile& tile : tiles.tiles) {
      html += "<div class=\"tile\">";
      element("div", "label", tile.label);
      element("div", "figure", tile.figure);
      element("div", "note", tile.note);
      html += "</div>\n";
    }
    html += "</div>\n";
  }

  void write(const Table& table) {
    element("p", "caption", table.caption);
    add("<p class=\"hint\">This table is wider than the page: scroll it sideways, or with the arrow keys "
        "once it "
        "is in focus.</p>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}: table\">"
        "<table{}>\n",
        escape(section), table.compact ? " class=\"compact\"" : "");
    html += "<thead><tr>";
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      const Column& column = table.columns[i];
      const bool shaded = std::any_of(table.rows.begin(), table.rows.end(), [i](const Table::Row& row) {
        return i < row.cells.size() && row.cells[i].shade != Shade::none;
      });
      add("<th scope=\"col\"{}{}>{}</th>",
          shaded ? " class=\"shaded\"" : (column.number ? " class=\"number\"" : ""),
          column.note.empty() ? "" : fmt::format(" title=\"{}\"", escape(column.note)), escape(column.title));
    }
    html += "</tr></thead>\n<tbody>\n";
    for (const Table::Row& row : table.rows) {
      html += row.emphasis ? "<tr class=\"emphasis\">" : "<tr>";
      for (std::size_t i = 0; i < row.cells.size(); ++i) write(row.cells[i], i, table);
      html += "</tr>\n";
    }
    html += "</tbody></table></div>\n";
  }

  void write(const Cell& cell, std::size_t column, const Table& table) {
    const std::string_view tag = column == 0 ? "th" : "td";
    html += column == 0 ? "<th scope=\"row\"" : "<td";
    if (cell.shade != Shade::none) {
      add(" class=\"{}\" style=\"--strength:{:.3f}\"", cell.shade == Shade::bad ? "bad" : "shaded",
          cell.strength);
    } else if (column < table.columns.size() && table.columns[column].number) {
      html += " class=\"number\"";
    }
    add(">{}", column == 0 ? breakable(escape(cell.text)) : escape(cell.text));
    element("span", "note", cell.note);
    add("</{}>", tag);
  }

  /// A place for the page's script to draw in, and the figure for readers without scripts, which the script
  /// saves.
  void canvas(const figures::Chart& chart, const std::string& title, double height, Json specification) {
    html += "<figure>";
    if (!title.empty()) add("<figcaption>{}</figcaption>", escape(title));
    add("<div class=\"chart\" style=\"height:{:.1f}rem\"><canvas id=\"chart-{}\" role=\"img\" "
        "aria-label=\"{}\"></canvas></div>"
        "<noscript>{}</noscript></figure>\n",
        height, charts.size(), escape(title), figures::svg(figures::draw(chart, figures::page_width)));
    charts.push_back(std::move(specification));
  }

  static Json number(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

  void write(const BarChart& chart) {
    Json series = Json::array();
    for (const Series& one : chart.series) {
      Json values = Json::array();
      for (const auto& value : one.values) values.push_back(number(value));
      Json intervals = Json::array();
      for (const auto& interval : one.intervals) intervals.push_back(ends(interval));
      series.push_back({{"name", one.name}, {"values", values}, {"intervals", intervals}});
    }
    const double height =
        chart.horizontal ? 4 + 1.45 * static_cast<double>(chart.labels.size() * chart.series.size()) : 21;
    canvas(chart, chart.title, height,
           {{"kind", "bars"},
            {"labels", chart.labels},
            {"series", series},
            {"horizontal", chart.horizontal},
            {"highlight", chart.highlight},
            {"axis", chart.axis}});
  }

  void write(const LineChart& chart) {
    Json lines = Json::array();
    for (const auto& line : chart.lines) {
      lines.push_back({{"name", line.name}, {"points", line.points}, {"dashed", line.dashed}});
    }
    canvas(chart, chart.title, 24,
           {{"kind", "lines"}, {"lines", lines}, {"x_axis", chart.x_axis}, {"y_axis", chart.y_axis}});
  }

  static Json ends(const std::optional<metrics::Interval>& interval) {
    return interval ? Json::array({interval->low, interval->high}) : Json(nullptr);
  }

  void write(const PointChart& chart) {
    Json points = Json::array();
    for (const auto& point : chart.points) {
      points.push_back({{"name", point.name},
                        {"x", point.x},
                        {"y", point.y},
                        {"x_interval", ends(point.x_interval)},
                        {"y_interval", ends(point.y_interval)}});
    }
    canvas(chart, chart.title, 28,
           {{"kind", "points"}, {"points", points}, {"x_axis", chart.x_axis}, {"y_axis", chart.y_axis}});
  }

  void quotes(const std::vector<std::pair<std::string, std::string>>& said) {
    for (const auto& [speaker, words] : said) {
      add("<div class=\"quote\"><div class=\"speaker\">{}</div><div class=\"words\" "
          "dir=\"auto\">{}</div></div>",
          escape(speaker), escape(words));
    }
  }

  void write(const Examples& examples) {
    for (const Example& example : examples.examples) {
      html += "<article>";
      element("h4", "heading", example.heading);
      element("p", "note", example.note);
      quotes(example.quotes);
      html += "</article>\n";
    }
  }

  /// A picture that is seen while it is held, or why there is none.
  void held(const std::string& url, const std::string& missing) {
    if (url.empty()) {
      add("<div class=\"missing\">{}</div>", escape(missing));
    } else {
      add("<button type=\"button\" title=\"Hold to see\"><img src=\"{}\" alt=\"blurred picture\" "
          "draggable=\"false\"></button>",
          escape(url));
    }
  }

  void write(const ExplainedImages& explained) {
    html += "<div class=\"explanations\">\n";
    for (const ExplainedImage& each : explained.images) {
      add("<figure class=\"explanation\" data-image=\"{}\"><div class=\"pictures\">", escape(each.image));
      held(each.url, each.missing);
      html += "</div><figcaption>";
      element("div", "path", each.image);
      element("div", "verdict", each.verdict);
      element("p", "reason", each.reason);
      if (!each.together.empty()) element("div", "together", each.together);
      quotes(each.quotes);
      html += "</figcaption></figure>\n";
    }
    html += "</div>\n";
  }

  void write(const Pictures& pictures) {
    html += "<div class=\"pictures\">\n";
    for (const Picture& picture : pictures.pictures) {
      html += "<figure>";
      held(picture.url, picture.missing);
      html += "<figcaption>";
      element("div", "path", picture.title);
      element("div", "note", picture.note);
      html += "</figcaption></figure>\n";
    }
    html += "</div>\n";
  }

  void write(const Fold& fold) {
    add("<details{}><summary>{}</summary><div class=\"inside\">\n", fold.open ? " open" : "",
        escape(fold.summary));
    for (const Block& block : fold.blocks) write(block);
    html += "</div></details>\n";
  }
};

/// JSON inside a script element: `<` could end it. Text that is not UTF-8 is replaced, not refused.
std::string script_json(const Json& json) {
  const std::string text = json.dump(-1, ' ', true, Json::error_handler_t::replace);
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c == '<') {
      out += "\\u003c";
    } else {
      out += c;
    }
  }
  return out;
}

/// Nothing is drawn, and nobody measures whether a table is wider than the page.
constexpr std::string_view style_without_scripts =
    ".chart{display:none}@media screen and (max-width:48rem){.hint{display:block}}";

std::string head(const Report& report) {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
      "img-src data:; "
      "script-src 'sha256-{}' 'sha256-{}'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<link rel=\"icon\" href=\"data:,\">\n"
      "<title>{}</title>\n<style>\n{}</style>\n<noscript><style>{}</style></noscript>\n</head>\n",
      base64(sha256(chart_min_js)), base64(sha256(report_js)), escape(report.title), report_css,
      style_without_scripts);
}

}  // namespace

std::string page(const Report& report) {
  Writer writer;
  std::string links;
  for (const Section& section : report.sections) {
    writer.section = section.title;
    if (section.linked)
      links += fmt::format("<a href=\"#{}\">{}</a>", escape(section.id), escape(section.title));
    writer.html +=
        fmt::format("<section id=\"{}\">\n<h2>{}</h2>\n", escape(section.id), escape(section.title));
    for (const Block& block : section.blocks) writer.write(block);
    writer.html += "</section>\n";
  }
  std::string out = head(report);
  out += fmt::format(
      "<body>\n<header>\n<h1>{}</h1>\n<p class=\"subtitle\">{}</p>\n<nav>{}</nav>\n</header>\n<main>\n",
      escape(report.title), escape(report.subtitle), links);
  out += writer.html;
  out += fmt::format("</main>\n<footer>{}</footer>\n", escape(report.footer));
  out += fmt::format("<script type=\"application/json\" id=\"charts\">{}</script>\n",
                     script_json(writer.charts));
  for (const std::string_view script : {chart_min_js, report_js}) {
    out += "<script>";
    out += script;
    out += "</script>\n";
  }
  return out + "</body>\n</html>\n";
}

}  // namespace holisafe::report
