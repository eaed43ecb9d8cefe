#include <cmath>
#include <string_view>

#include <fmt/format.h>

#include "base/error.h"
#include "base/markup.h"
#include "figures/draw.h"
#include "figures/text_width.h"

namespace holisafe::figures {
namespace {

/// Text as XML may hold it.
std::string escaped(std::string_view text) {
  const std::string shown = one_line(text);
  std::string out;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    // U+FFFE and U+FFFF are no characters of XML.
    const std::string_view three = std::string_view(shown).substr(i, 3);
    if (const std::string_view name = entity(shown[i]); !name.empty()) {
      out += name;
    } else if (three == "\xef\xbf\xbe" || three == "\xef\xbf\xbf") {
      out += "\xef\xbf\xbd";
      i += 2;
    } else {
      out += shown[i];
    }
  }
  return out;
}

/// Two digits behind the point at most.
std::string number(double value) {
  std::string out = fmt::format("{:.2f}", value);
  out.erase(out.find_last_not_of('0') + 1);
  if (out.back() == '.') out.pop_back();
  return out == "-0" ? "0" : out;
}

std::string grey(double value) {
  const long level = std::lround(value * 255);
  return fmt::format("#{0:02x}{0:02x}{0:02x}", level);
}

std::string title_element(const std::string& title) {
  return title.empty() ? "" : fmt::format("<title>{}</title>", escaped(title));
}

void write(const Path& path, std::string& out) {
  out += "<path d=\"";
  for (const auto& line : path.lines) {
    for (std::size_t i = 0; i < line.size(); ++i)
      out += fmt::format("{}{} {}", i == 0 ? "M" : "L", number(line[i].x), number(line[i].y));
    if (path.closed) out += "Z";
  }
  out += fmt::format("\" fill=\"{}\"", path.fill ? grey(*path.fill) : "none");
  if (path.stroke) {
    out += fmt::format(" stroke=\"{}\" stroke-width=\"{}\"", grey(path.stroke->grey),
                       number(path.stroke->width));
    std::string dashes;
    for (const double dash : path.stroke->dashes) dashes += (dashes.empty() ? "" : " ") + number(dash);
    if (!dashes.empty()) out += fmt::format(" stroke-dasharray=\"{}\"", dashes);
  }
  const std::string title = title_element(path.title);
  out += title.empty() ? "/>\n" : ">" + title + "</path>\n";
}

void write(const Text& text, std::string& out) {
  if (text.text.empty()) return;
  const std::string x = number(text.at.x);
  const std::string y = number(text.at.y);
  out += fmt::format("<text x=\"{}\" y=\"{}\" font-size=\"{}\"", x, y, number(text.size));
  if (text.anchor != Text::Anchor::start)
    out += fmt::format(" text-anchor=\"{}\"", text.anchor == Text::Anchor::middle ? "middle" : "end");
  if (text.bold) out += " font-weight=\"bold\"";
  if (text.upright) out += fmt::format(" transform=\"rotate(-90 {} {})\"", x, y);
  out += fmt::format(">{}</text>\n", escaped(text.text));
}

}  // namespace

std::string svg(const Drawing& drawing) {
  constexpr double inch = 72;
  const std::string width = number(drawing.width);
  const std::string height = number(drawing.height);
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{:.6g}in\" height=\"{:.6g}in\" viewBox=\"0 0 {} "
      "{}\" "
      "role=\"img\" font-family=\"'{}', Verdana, Helvetica, Arial, sans-serif\" fill=\"#000000\">\n",
      drawing.width / inch, drawing.height / inch, width, height, font_name);
  const std::string title = title_element(drawing.title);
  if (!title.empty()) out += title + "\n";
  out += fmt::format("<path d=\"M0 0L{0} 0L{0} {1}L0 {1}Z\" fill=\"#ffffff\"/>\n", width, height);
  for (const auto& shape : drawing.shapes) std::visit([&](const auto& each) { write(each, out); }, shape);
  return out + "</svg>\n";
}

}  // namespace holisafe::figures
