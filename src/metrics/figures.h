// Figures of a benchmark: which rates are taken over which rows, and which means over them. Metrics know
// groups and labels; what they stand for is the benchmark's to say, and so is what tables and pages call it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holisafe::metrics {

/// A row's place in the data's groups, such as {"type", "SSU"}: a value for each name a benchmark has, in the
/// order of its definition. An empty value: the row is in none of that group.
using Groups = std::vector<std::pair<std::string, std::string>>;

/// Rows whose group has this value.
struct Where {
  std::string group;
  std::string value;
  friend bool operator==(const Where&, const Where&) = default;
};

/// What a figure is called where its title does not fit. All may be empty.
struct Words {
  std::string column = {};      ///< in the terminal's table; empty: the title
  std::string brief = {};       ///< in tables of one group's values; empty: the title
  std::string brief_note = {};  ///< the note there; empty: the note
  std::string note = {};        ///< what it is, shown when its column is pointed at
  std::string tile = {};        ///< where it stands large at the head of a page; empty: it does not
  std::string live = {};        ///< in a line of progress; empty: left out
  std::string rows = {};        ///< its rows: "unsafe pairs"; empty: "rows"
  std::string wrong = {};       ///< over one wrong row: "answered what is unsafe"; empty: "wrong"
  std::string wrongs = {};      ///< over several: "Safe pairs that were refused"; empty: "Wrong"
};

/// The share of the marked rows, of those in all of `where`, whose label is one of `labels`; without labels,
/// the mean of their values, which lie in [0, 1]. A row is wrong where it counts, or, where higher is better,
/// where it does not (by value: below one half).
struct Rate {
  std::string name;   ///< in JSON: "SSU", "accuracy"
  std::string title;  ///< in tables: "SSU ASR"
  std::vector<Where> where = {};
  std::vector<std::string> labels = {};
  bool higher_is_better = false;
  Words words = {};
};

/// A mean over rates: plain over those that have rows, or pooled over all their rows together.
struct Mean {
  enum class Kind { plain, pooled };
  std::string name;
  std::string title;
  Kind kind = Kind::plain;
  std::vector<std::string> rates = {};  ///< their names; empty: one rate for each value of the group `each`
  std::string each = {};                ///< then: the first rate taken for each value of this group
  bool higher_is_better = false;
  Words words = {};
};

/// A group by whose values all figures are also given.
struct Group {
  std::string name;                      ///< as in Groups: "subcategory"
  std::string title = {};                ///< "Subcategory"; empty: the name
  std::vector<std::string> values = {};  ///< in their order; empty: as they appear
  std::string within = {};               ///< another group of these, whose values this one divides
  std::string plural = {};               ///< "subcategories"; empty: the name
  /// Said of rows that have no value of it, or one that nobody knows; empty: "unknown subcategory".
  std::string unknown = {};
};

/// What a page says around the figures. All may be empty.
struct Prose {
  std::string rows = {};      ///< what the benchmark's rows are: "pairs"; empty: "rows"
  std::string caption = {};   ///< the rates in a sentence or two
  std::string terminal = {};  ///< the same for the terminal's table
  std::string judged = {};    ///< both for an LLM judge, who says what was not as expected; empty: the same
  std::string chart = {};     ///< title of the bars
  std::string published_chart = {};     ///< what the bars beside published models show: "mASR (macro)"
  std::string published = {};           ///< whose the published figures are, and how they compare
  std::string unjudged = {};            ///< how rows without a mark count, in a sentence
  std::string guard = {};               ///< what guard against answer shows
  std::string places = {};              ///< heading of the values that rates are taken over
  std::string none_wrong = {};          ///< where no row of the primary figure is wrong
  std::vector<std::string> about = {};  ///< paragraphs on how the figures are made
};

/// All that a benchmark's scores hold. Immutable, static lifetime.
struct Figures {
  std::vector<std::string> labels;  ///< every label a mark can have, at most 200; none: values alone
  std::vector<Rate> rates;
  std::vector<Mean> means = {};
  std::string primary = {};  ///< the rate or mean that stands for the benchmark; empty: the first rate
  std::vector<std::string> beside = {};        ///< figures to be shown wherever the primary one stands alone
  std::vector<Group> groups = {};              ///< all figures are also given for each value of each
  std::vector<std::string> label_titles = {};  ///< in pages, parallel to `labels`; empty: the labels
  Prose prose = {};
};

}  // namespace holisafe::metrics
