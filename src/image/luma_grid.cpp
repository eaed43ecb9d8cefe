// Sums and quotients are made in the order of the reference, in its types, since bits of symmetric pictures
// are rounding noise: the running sum of a box filter is not the sum of its window. CMakeLists.txt keeps the
// compiler from fusing products and sums.
#include "image/luma_grid.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "image/lanes.h"
#include "image/strip_filter.h"

namespace holisafe::image {
namespace {

constexpr int grid_side = static_cast<int>(LumaGrid::side);

/// A column of a strip: a sample of each of its rows; a whole cache line.
struct alignas(sizeof(float) * strip_rows) Column {
  std::array<Lanes, strip_rows / lanes> parts{};

  Column& operator+=(const Column& other) {
    for (std::size_t i = 0; i < parts.size(); ++i) parts[i] += other.parts[i];
    return *this;
  }
  Column& operator-=(const Column& other) {
    for (std::size_t i = 0; i < parts.size(); ++i) parts[i] -= other.parts[i];
    return *this;
  }
  [[nodiscard]] Column times(float factor) const {
    Column out;
    for (std::size_t i = 0; i < parts.size(); ++i) out.parts[i] = parts[i] * factor;
    return out;
  }
  [[nodiscard]] Column over(float divisor) const {
    Column out;
    for (std::size_t i = 0; i < parts.size(); ++i) out.parts[i] = parts[i] / divisor;
    return out;
  }
  [[nodiscard]] float row(std::size_t index) const { return parts[index / lanes][index % lanes]; }
};

/// A box filter's geometry over `length` samples: output i is the mean of inputs i - before … i + after, as
/// many as there are.
struct Box {
  explicit Box(int side) : length(side), window((side + 2 * grid_side - 1) / (2 * grid_side)) {
    reach.after = (window + 2) / 2 - 1;
    reach.before = window - reach.after - 1;
  }
  /// Of output i, which may lie outside.
  [[nodiscard]] Divisor divisor(int i) const {
    const int size = std::min(i + reach.after, length - 1) - std::max(i - reach.before, 0) + 1;
    const auto whole = static_cast<float>(std::max(size, 1));
    return {whole, 1 / whole};
  }

  int length;
  int window;
  BoxReach reach;
};

using Row = std::array<float, LumaGrid::side>;  ///< of the grid

/// `length`, rounded up to strips.
int whole_strips(int length) { return (length + strip_rows - 1) / strip_rows * strip_rows; }

/// The input sample of each of the grid's: cell centres.
std::array<int, LumaGrid::side> centres(int length) {
  std::array<int, LumaGrid::side> out{};
  for (int i = 0; i < grid_side; ++i)
    out[static_cast<std::size_t>(i)] = static_cast<int>(((i + 0.5) * length) / grid_side);
  return out;
}

/// Rows that come a strip at a time, of which no more are held than a box's window down them needs.
class RowsInReach {
 public:
  RowsInReach(int width, const Box& box)
      : lines_(static_cast<std::size_t>(width / strip_rows)),
        capacity_(whole_strips(box.window + strip_rows)),
        rows_(lines_ * static_cast<std::size_t>(capacity_)) {}

  /// Row y of those that came, from 0: of the last strip, or what the window reaches behind it. Before them
  /// are rows of 0.
  float* row(int y) {
    return reinterpret_cast<float*>(rows_.data() +
                                    static_cast<std::size_t>((y + capacity_) % capacity_) * lines_);
  }

 private:
  std::size_t lines_;
  int capacity_;
  std::vector<Column> rows_;  ///< for their alignment
};

/// Means over the cells of the grid. A sample on a border counts for both cells by its share.
class AreaMeans {
 public:
  AreaMeans(int width, int height, LumaGrid::Square& out)
      : out_(out), rows_(shares(height)), columns_(shares(width)) {
    out_.fill(0);
  }

  /// `rows`: those of the strip at y that are in the picture.
  void add(const Column* in, int y, int rows) {
    const auto at = [in](int x) -> const Column& { return in[x]; };
    std::array<Row, strip_rows> means;
    for (std::size_t i = 0; i < LumaGrid::side; ++i) {
      const Cell& cell = columns_[i];
      Column sums = at(cell.first).times(cell.first_share);
      for (int x = cell.first + 1; x < cell.last; ++x) sums += at(x);
      if (cell.last > cell.first) sums += at(cell.last).times(cell.last_share);
      sums = sums.times(cell.scale);
      for (std::size_t row = 0; row < means.size(); ++row) means[row][i] = sums.row(row);
    }
    for (int row = 0; row < rows; ++row) add_row(means[static_cast<std::size_t>(row)], y + row);
  }

 private:
  /// The samples that a cell covers, the first and the last of them in part; `scale`: 1 / its length.
  struct Cell {
    int first = 0;
    int last = 0;
    float first_share = 0;
    float last_share = 0;
    float scale = 0;
  };

  static std::array<Cell, LumaGrid::side> shares(int length) {
    std::array<Cell, LumaGrid::side> out;
    for (int i = 0; i < grid_side; ++i) {
      const double from = static_cast<double>(i) * length / grid_side;
      const double to = static_cast<double>(i + 1) * length / grid_side;
      Cell& cell = out[static_cast<std::size_t>(i)];
      cell.first = static_cast<int>(from);
      cell.last = std::min(static_cast<int>(to), length - 1);
      cell.first_share = static_cast<float>(std::min(to, cell.first + 1.0) - from);
      cell.last_share = static_cast<float>(to - cell.last);
      cell.scale = static_cast<float>(1 / (to - from));
    }
    return out;
  }

  void add_row(const Row& means, int y) {
    while (rows_[reached_].last < y) ++reached_;  // the last cell ends with the last row
    for (std::size_t i = reached_; i < LumaGrid::side && rows_[i].first <= y; ++i) {
      const Cell& cell = rows_[i];
      const float share = y == cell.first ? cell.first_share : y == cell.last ? cell.last_share : 1;
      for (std::size_t x = 0; x < means.size(); ++x)
        out_[i * LumaGrid::side + x] += means[x] * (share * cell.scale);
    }
  }

  LumaGrid::Square& out_;
  std::array<Cell, LumaGrid::side> rows_;
  std::array<Cell, LumaGrid::side> columns_;
  std::size_t reached_ = 0;  ///< the first grid row that may still get samples
};

/// The two passes of the tent filter, each along rows and then down columns, a strip of rows at a time. Of
/// the second one only the samples at cell centres are made. What lies outside of the picture counts as 0 in
/// sums, which changes no bit of them, and not at all in the divisors.
class TentFilter {
 public:
  TentFilter(const Image& image, const StripFilter& filter, LumaGrid& grid)
      : image_(image),
        filter_(filter),
        grid_(grid),
        across_(image.width),
        down_(image.height),
        sampled_columns_(centres(image.width)),
        sampled_rows_(centres(image.height)),
        padding_(static_cast<std::size_t>(across_.window)),
        columns_(2 * padding_ + static_cast<std::size_t>(whole_strips(image.width))),
        first_(whole_strips(image.width), down_),
        sums_(static_cast<std::size_t>(whole_strips(image.width))),
        second_(grid_side, down_),
        area_(image.width, image.height, grid.area) {
    for (int x = 0; x < whole_strips(image.width); ++x) divisors_.push_back(across_.divisor(x));
  }

  /// The last rows' means are complete when rows have come from below the picture, twice.
  void run() {
    for (int y = 0; y < image_.height + 2 * down_.reach.after; y += strip_rows) {
      read(y);
      filter_along_rows(y);
      filter_down_columns(y);
      sample_along_rows(y);
      for (int row = y; row < y + strip_rows; ++row) sample_down_columns(row);
    }
  }

 private:
  Column* columns() { return columns_.data() + padding_; }
  float* samples() { return reinterpret_cast<float*>(columns()); }

  void read(int y) {
    const int rows = std::clamp(image_.height - y, 0, strip_rows);
    const std::size_t row_bytes = 3 * static_cast<std::size_t>(image_.width);
    filter_.luma(rows > 0 ? image_.pixel(0, y) : nullptr, row_bytes, rows, image_.width, samples());
    if (rows > 0) area_.add(columns(), y, rows);
  }

  void filter_along_rows(int y) {
    std::array<float*, strip_rows> to{};
    for (int row = 0; row < strip_rows; ++row) to[static_cast<std::size_t>(row)] = first_.row(y + row);
    filter_.means_along_rows(samples(), across_.reach, divisors_.data(), image_.width, to.data());
  }

  void filter_down_columns(int y) {
    std::array<const float*, strip_rows> entering{};
    std::array<const float*, strip_rows> leaving{};
    std::array<Divisor, strip_rows> divisors{};
    for (int row = 0; row < strip_rows; ++row) {
      const auto i = static_cast<std::size_t>(row);
      entering[i] = first_.row(y + row);
      leaving[i] = first_.row(y + row - down_.window);
      divisors[i] = down_.divisor(y + row - down_.reach.after);
    }
    filter_.means_down_columns(entering.data(), leaving.data(), divisors.data(), image_.width, sums_.data(),
                               samples());
    std::fill(columns() + image_.width, columns() + whole_strips(image_.width), Column{});
  }

  /// Row y is of the picture's row y - after: it came when that row's window was complete.
  void sample_along_rows(int y) {
    std::array<float*, strip_rows> to{};
    for (int row = 0; row < strip_rows; ++row) to[static_cast<std::size_t>(row)] = second_.row(y + row);
    const int above = std::clamp(down_.reach.after - y, 0, strip_rows);
    const int end = std::clamp(image_.height + down_.reach.after - y, 0, strip_rows);
    const Column* entering = columns();
    Column sums;
    for (int x = 0; x < across_.reach.after; ++x) sums += *entering++;
    const Column* leaving = columns() - across_.reach.before - 1;
    int x = 0;
    for (std::size_t i = 0; i < LumaGrid::side; ++i) {
      for (; x <= sampled_columns_[i]; ++x) {
        sums += *entering++;
        sums -= *leaving++;
      }
      const Column means = sums.over(across_.divisor(sampled_columns_[i]).size);
      for (int row = 0; row < strip_rows; ++row)
        to[static_cast<std::size_t>(row)][i] =
            row < above || row >= end ? 0 : means.row(static_cast<std::size_t>(row));
    }
  }

  void sample_down_columns(int y) {
    const float* const entering = second_.row(y);
    const float* const leaving = second_.row(y - down_.window);
    for (std::size_t x = 0; x < LumaGrid::side; ++x)
      second_sums_[x] = (second_sums_[x] + entering[x]) - leaving[x];
    const int out = y - 2 * down_.reach.after;
    const float size = down_.divisor(out).size;
    for (; sampled_ < LumaGrid::side && sampled_rows_[sampled_] == out; ++sampled_) {
      for (std::size_t x = 0; x < LumaGrid::side; ++x)
        grid_.tent[sampled_ * LumaGrid::side + x] = second_sums_[x] / size;
    }
  }

  const Image& image_;
  const StripFilter& filter_;
  LumaGrid& grid_;
  Box across_;
  Box down_;
  std::array<int, LumaGrid::side> sampled_columns_;
  std::array<int, LumaGrid::side> sampled_rows_;
  std::size_t sampled_ = 0;
  std::size_t padding_;          ///< columns of 0 on both sides
  std::vector<Column> columns_;  ///< of a strip: luma, then its means after the first pass
  std::vector<Divisor> divisors_;
  RowsInReach first_;
  std::vector<float> sums_;
  RowsInReach second_;
  Row second_sums_{};
  AreaMeans area_;
};

}  // namespace

Result<LumaGrid> luma_grid(const Image& image) { return luma_grid(image, *strip_filters().back()); }

Result<LumaGrid> luma_grid(const Image& image, const StripFilter& filter) {
  if (image.width < least_hashed_side || image.height < least_hashed_side) {
    return fail(ErrorKind::out_of_range, "cannot hash image", "size",
                fmt::format("expected at least {0} x {0} pixels, found {1} x {2}", least_hashed_side,
                            image.width, image.height));
  }
  LumaGrid grid;
  TentFilter(image, filter, grid).run();
  // The reference hashes a picture of just this size as it is, but its mirror with the filter.
  const bool as_it_is = image.width == grid_side && image.height == grid_side;
  grid.hashed = as_it_is ? grid.area : grid.tent;
  return grid;
}

}  // namespace holisafe::image
