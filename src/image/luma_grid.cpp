// Sums and quotients are made in the order of the reference, in its types, since bits of symmetric pictures
// are rounding noise: the running sum of a box filter is not the sum of its window. CMakeLists.txt keeps the
// compiler from fusing products and sums.
#include "image/luma_grid.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "image/lanes.h"

namespace holisafe::image {
namespace {

constexpr int grid_side = static_cast<int>(LumaGrid::side);
constexpr int strip =
    8;  ///< rows that are filtered side by side, so that their sums do not wait for each other

/// A column of a strip: a sample of each of its rows.
struct Column {
  Lanes upper;
  Lanes lower;

  Column& operator+=(const Column& other) {
    upper += other.upper;
    lower += other.lower;
    return *this;
  }
  Column& operator-=(const Column& other) {
    upper -= other.upper;
    lower -= other.lower;
    return *this;
  }
  [[nodiscard]] Column over(int size) const {
    const auto divisor = static_cast<float>(size);
    return {upper / divisor, lower / divisor};
  }
  [[nodiscard]] Column times(float factor) const { return {upper * factor, lower * factor}; }
  [[nodiscard]] float row(int index) const { return index < 4 ? upper[index] : lower[index - 4]; }
};
constexpr Column no_sums{{0, 0, 0, 0}, {0, 0, 0, 0}};

/// Products of all samples with a weight of luma, in double as pdqhash makes them.
constexpr std::array<double, 256> products(double weight) {
  std::array<double, 256> out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<double>(i) * weight;
  return out;
}
constexpr auto red_share = products(0.299);
constexpr auto green_share = products(0.587);
constexpr auto blue_share = products(0.114);

/// A box filter's geometry over `length` samples: output i is the mean of inputs i - before … i + after, as
/// many as there are.
struct Box {
  explicit Box(int side)
      : length(side),
        window((side + 2 * grid_side - 1) / (2 * grid_side)),
        after((window + 2) / 2 - 1),
        before(window - after - 1) {}

  int length;
  int window;
  int after;
  int before;
};

/// The input sample of each of the grid's: cell centres.
std::array<int, LumaGrid::side> centres(int length) {
  std::array<int, LumaGrid::side> out{};
  for (int i = 0; i < grid_side; ++i)
    out[static_cast<std::size_t>(i)] = static_cast<int>(((i + 0.5) * length) / grid_side);
  return out;
}

/// Filters the rows of a strip; write(x, sums, size) gets the sum of each output's window.
template <class Write>
void box_along_rows(const std::vector<Column>& in, const Box& box, const Write& write) {
  const auto at = [&in](int x) -> const Column& { return in[static_cast<std::size_t>(x)]; };
  Column sums = no_sums;
  for (int x = 0; x < box.after; ++x) sums += at(x);
  int size = box.after;
  int out = 0;
  for (; out <= box.before; ++out) {
    sums += at(out + box.after);
    write(out, sums, ++size);
  }
  for (; out + box.after < box.length; ++out) {
    sums += at(out + box.after);
    sums -= at(out - box.before - 1);
    write(out, sums, size);
  }
  for (; out < box.length; ++out) {
    sums -= at(out - box.before - 1);
    write(out, sums, --size);
  }
}

/// Filters down columns, row by row as they come, and holds no more of them than the window needs.
class ColumnBox {
 public:
  ColumnBox(int width, int height)
      : box_(height),
        width_(static_cast<std::size_t>(width)),
        capacity_(static_cast<std::size_t>(box_.window + strip)),
        rows_(width_ * capacity_),
        sums_(width_) {}

  /// Where row y is to be written before take(y); those of a strip lie in different places.
  float* row(int y) { return rows_.data() + static_cast<std::size_t>(y) % capacity_ * width_; }

  /// Row y has been written; in order. write(y, sums, size) gets the output row that is now complete, the
  /// last row also those after it.
  template <class Write>
  void take(int y, const Write& write) {
    const float* const in = row(y);
    const int out = y - box_.after;
    if (out <= box_.before) {
      for (std::size_t x = 0; x < width_; ++x) sums_[x] += in[x];
      ++size_;
    } else {
      const float* const old = row(out - box_.before - 1);
      for (std::size_t x = 0; x < width_; ++x) sums_[x] = (sums_[x] + in[x]) - old[x];
    }
    if (out >= 0) write(out, sums_.data(), size_);
    if (y + 1 < box_.length) return;
    for (int rest = out + 1; rest < box_.length; ++rest) {
      const float* const old = row(rest - box_.before - 1);
      for (std::size_t x = 0; x < width_; ++x) sums_[x] -= old[x];
      write(rest, sums_.data(), --size_);
    }
  }

 private:
  Box box_;
  std::size_t width_;
  std::size_t capacity_;
  std::vector<float> rows_;
  std::vector<float> sums_;
  int size_ = 0;
};

/// Means over the cells of the grid. A sample on a border counts for both cells by its share.
class AreaMeans {
 public:
  AreaMeans(int width, int height, LumaGrid::Square& out)
      : out_(out), rows_(shares(height)), columns_(shares(width)) {
    out_.fill(0);
  }

  /// `rows`: those of the strip at y that are in the picture.
  void add(const std::vector<Column>& in, int y, int rows) {
    const auto at = [&in](int x) -> const Column& { return in[static_cast<std::size_t>(x)]; };
    std::array<Column, LumaGrid::side> means;
    for (std::size_t i = 0; i < means.size(); ++i) {
      const Cell& cell = columns_[i];
      Column sums = at(cell.first).times(cell.first_share);
      for (int x = cell.first + 1; x < cell.last; ++x) sums += at(x);
      if (cell.last > cell.first) sums += at(cell.last).times(cell.last_share);
      means[i] = sums.times(cell.scale);
    }
    for (int row = 0; row < rows; ++row) add_row(means, row, y + row);
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

  void add_row(const std::array<Column, LumaGrid::side>& means, int row, int y) {
    while (rows_[reached_].last < y) ++reached_;  // the last cell ends with the last row
    for (std::size_t i = reached_; i < LumaGrid::side && rows_[i].first <= y; ++i) {
      const Cell& cell = rows_[i];
      const float share = y == cell.first ? cell.first_share : y == cell.last ? cell.last_share : 1;
      for (std::size_t x = 0; x < means.size(); ++x)
        out_[i * LumaGrid::side + x] += means[x].row(row) * (share * cell.scale);
    }
  }

  LumaGrid::Square& out_;
  std::array<Cell, LumaGrid::side> rows_;
  std::array<Cell, LumaGrid::side> columns_;
  std::size_t reached_ = 0;  ///< the first grid row that may still get samples
};

/// The two passes of the tent filter, each along rows and then down columns, a strip of rows at a time. Of
/// the second one only the samples at cell centres are made.
class TentFilter {
 public:
  TentFilter(const Image& image, LumaGrid& grid)
      : image_(image),
        grid_(grid),
        box_(image.width),
        sampled_columns_(centres(image.width)),
        sampled_rows_(centres(image.height)),
        luma_(static_cast<std::size_t>(image.width)),
        once_(static_cast<std::size_t>(image.width) * strip),
        first_(image.width, image.height),
        second_(grid_side, image.height),
        area_(image.width, image.height, grid.area) {}

  void run() {
    for (int y = 0; y < image_.height; y += strip) {
      const int rows = std::min(strip, image_.height - y);
      read(y, rows);
      area_.add(luma_, y, rows);
      filter_first(y);
      for (int row = y; row < y + rows; ++row) {
        first_.take(row, [this](int out, const float* sums, int size) { keep(out, sums, size); });
      }
    }
  }

 private:
  /// Luma of a strip's rows; below the picture's end the last one stands again.
  void read(int y, int rows) {
    for (int row = 0; row < strip; ++row) {
      const std::uint8_t* from = image_.pixel(0, y + std::min(row, rows - 1));
      float* to = reinterpret_cast<float*>(luma_.data()) + row;
      for (int x = 0; x < image_.width; ++x, from += 3, to += strip)
        *to = static_cast<float>((red_share[from[0]] + green_share[from[1]]) + blue_share[from[2]]);
    }
  }

  void filter_first(int y) {
    std::array<float*, strip> to{};
    for (int row = 0; row < strip; ++row) to[static_cast<std::size_t>(row)] = first_.row(y + row);
    box_along_rows(luma_, box_, [&to](int x, const Column& sums, int size) {
      const Column means = sums.over(size);
      for (int row = 0; row < strip; ++row) to[static_cast<std::size_t>(row)][x] = means.row(row);
    });
  }

  /// A row after the first pass: kept until there is a strip of them, or the last one has come.
  void keep(int y, const float* sums, int size) {
    float* const to = once_.data() + static_cast<std::size_t>(y % strip) * luma_.size();
    const auto divisor = static_cast<float>(size);
    for (std::size_t x = 0; x < luma_.size(); ++x) to[x] = sums[x] / divisor;
    if (y % strip == strip - 1 || y + 1 == image_.height) filter_second(y - y % strip, y % strip + 1);
  }

  void filter_second(int y, int rows) {
    turn();
    std::array<float*, strip> to{};
    for (int row = 0; row < strip; ++row) to[static_cast<std::size_t>(row)] = second_.row(y + row);
    std::size_t next = 0;
    box_along_rows(luma_, box_, [&](int x, const Column& sums, int size) {
      for (; next < LumaGrid::side && sampled_columns_[next] == x; ++next) {
        const Column means = sums.over(size);
        for (int row = 0; row < strip; ++row) to[static_cast<std::size_t>(row)][next] = means.row(row);
      }
    });
    for (int row = y; row < y + rows; ++row) {
      second_.take(row, [this](int out, const float* sums, int size) { sample(out, sums, size); });
    }
  }

  /// The kept rows as columns, in the place of the luma, which has been filtered.
  void turn() {
    const std::size_t width = luma_.size();
    const float* const rows = once_.data();
    for (std::size_t x = 0; x < width; ++x) {
      const float* const at = rows + x;
      const Lanes upper = {at[0], at[width], at[2 * width], at[3 * width]};
      const Lanes lower = {at[4 * width], at[5 * width], at[6 * width], at[7 * width]};
      luma_[x] = Column{upper, lower};
    }
  }

  void sample(int y, const float* sums, int size) {
    const auto divisor = static_cast<float>(size);
    for (; sampled_ < LumaGrid::side && sampled_rows_[sampled_] == y; ++sampled_) {
      for (std::size_t x = 0; x < LumaGrid::side; ++x)
        grid_.tent[sampled_ * LumaGrid::side + x] = sums[x] / divisor;
    }
  }

  const Image& image_;
  LumaGrid& grid_;
  Box box_;
  std::array<int, LumaGrid::side> sampled_columns_;
  std::array<int, LumaGrid::side> sampled_rows_;
  std::size_t sampled_ = 0;
  std::vector<Column> luma_;
  std::vector<float> once_;
  ColumnBox first_;
  ColumnBox second_;
  AreaMeans area_;
};

}  // namespace

Result<LumaGrid> luma_grid(const Image& image) {
  if (image.width < least_hashed_side || image.height < least_hashed_side) {
    return fail(ErrorKind::out_of_range, "cannot hash image", "size",
                fmt::format("expected at least {0} x {0} pixels, found {1} x {2}", least_hashed_side,
                            image.width, image.height));
  }
  LumaGrid grid;
  TentFilter(image, grid).run();
  // The reference hashes a picture of just this size as it is, but its mirror with the filter.
  const bool as_it_is = image.width == grid_side && image.height == grid_side;
  grid.hashed = as_it_is ? grid.area : grid.tent;
  return grid;
}

}  // namespace holisafe::image
