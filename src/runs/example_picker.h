// Which rows that went wrong a report shows.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "report/score_sections.h"

namespace holisafe::runs {

/// Keeps the first row of each value of the first group that is wrong by each rate of the primary figure, and
/// a few that are wrong by rates over other rows.
class ExamplePicker {
 public:
  /// `figures` must outlive it.
  explicit ExamplePicker(const metrics::Figures& figures);

  /// The rate by which the row would be kept; call add() with it then.
  [[nodiscard]] std::optional<std::size_t> wants(const metrics::Groups& groups,
                                                 const metrics::MarkNumber& mark) const;
  /// Fills in rate and value.
  void add(std::size_t rate, const metrics::Groups& groups, report::ScoredExample example);

  std::vector<report::ScoredExample> take() { return std::move(examples_); }

 private:
  struct Watched {
    std::size_t rate = 0;
    bool primary = false;  ///< one example a value
  };
  [[nodiscard]] std::string value_of(const metrics::Groups& groups) const;
  [[nodiscard]] std::pair<std::size_t, std::string> key(const Watched& watched,
                                                        const metrics::Groups& groups) const;

  const metrics::Figures* figures_;
  std::vector<Watched> watched_;
  std::map<std::pair<std::size_t, std::string>, int> kept_;
  std::vector<report::ScoredExample> examples_;
};

}  // namespace holisafe::runs
