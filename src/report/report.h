// A report as data: what a page shows, in the order of the page. page() (page.h) turns it into HTML. Each
// kind of result (scores, guard metrics, agreement of judges, a comparison, training) makes its own sections.
//
// All text is plain: the page escapes it, so predictions and file names may hold anything.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "figures/chart.h"

namespace holisafe::report {

/// One paragraph.
struct Paragraph {
  std::string text;
};

/// A heading inside a section.
struct Heading {
  std::string text;
};

/// A few large figures side by side.
struct Tile {
  std::string label;
  std::string figure;  ///< for instance "12.3%"
  std::string note;    ///< smaller, below; may be empty
};
struct Tiles {
  std::vector<Tile> tiles;
};

/// What a coloured cell's colour stands for.
enum class Shade {
  none,
  bad,     ///< the more, the worse (attack success, needless refusals)
  neutral  ///< only more or less (counts of a confusion matrix)
};

struct Cell {
  std::string text;
  std::string note = {};  ///< smaller, below the text
  Shade shade = Shade::none;
  double strength = 0;  ///< of the shade, 0 to 1
};

struct Column {
  std::string title;
  bool number = false;    ///< right-aligned, tabular figures
  std::string note = {};  ///< shown when pointed at
};

/// A table; with shaded cells also a heat map or a confusion matrix. Its first column heads the rows.
struct Table {
  std::string caption;
  std::vector<Column> columns;
  struct Row {
    std::vector<Cell> cells;
    bool emphasis = false;  ///< one's own result among others
  };
  std::vector<Row> rows;
  bool compact = false;  ///< small cells that fill the width, for matrices
};

/// Charts: in colour where the page's script runs, as in print where it does not.
using figures::BarChart;
using figures::LineChart;
using figures::PointChart;
using figures::Series;

/// A row of the data with what was said about it.
struct Example {
  std::string heading;
  std::string note;                                         ///< verdict, id, image
  std::vector<std::pair<std::string, std::string>> quotes;  ///< speaker and text
};
struct Examples {
  std::vector<Example> examples;
};

/// A small picture with words below it.
struct Picture {
  std::string url;      ///< a `data:` URL; empty: there is none to show, and `missing` says why
  std::string missing;  ///< instead of a picture
  std::string title;    ///< its path
  std::string note;     ///< verdict; may be empty
};
/// Pictures nobody need see: each is blurred but while it is held with pointer, finger or key.
struct Pictures {
  std::vector<Picture> pictures;
};
/// What readers are told above them.
inline constexpr const char* held_to_be_seen =
    "Blurred until held: press on a picture, or hold the space bar on it.";

/// A picture with the map of its verdict over it.
struct ExplainedImage {
  std::string image;    ///< its name in the data
  std::string url;      ///< of the overlay, a `data:` URL of at most 512 pixels; empty: `missing` says why
  std::string missing;  ///< instead of a picture
  std::string verdict;  ///< class and probability
  std::string reason;
  std::string together;  ///< what the model that answered made of it, in words; may be empty
  std::vector<std::pair<std::string, std::string>> quotes;  ///< speaker and text
};
/// Blurred until held, as Pictures; each beside its words.
struct ExplainedImages {
  std::vector<ExplainedImage> images;
};

struct Block;

/// Blocks that stay closed until asked for, unless they begin open.
struct Fold {
  std::string summary;
  std::vector<Block> blocks;
  bool open = false;
};

struct Block {
  std::variant<Paragraph, Heading, Tiles, Table, BarChart, LineChart, PointChart, Examples, Pictures,
               ExplainedImages, Fold>
      content;
};

struct Section {
  std::string id;  ///< lower-case letters and dashes, unique on the page
  std::string title;
  std::vector<Block> blocks;
  bool linked = true;  ///< whether a link at the page's head leads to it
};

struct Report {
  std::string title;
  std::string subtitle;
  std::vector<Section> sections;
  std::string
      footer;  ///< version and the like; no time of making, so that the same results give the same bytes
};

using figures::percent;
using figures::percent_range;

}  // namespace holisafe::report
