#include "image/luma_fit.h"

#include <algorithm>
#include <cmath>

#include "image/lanes.h"

namespace holisafe::image {
namespace {

constexpr float longest_cut = 0.07F;  ///< of one side

}  // namespace

float mean_of(const float* samples, std::size_t count) {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += static_cast<double>(samples[i]);
  return static_cast<float>(sum / static_cast<double>(count));
}

Moments::Moments(const Fine& x, const Fine& y)
    : mean_x(mean_of(x.data(), x.size())), mean_y(mean_of(y.data(), y.size())) {
  constexpr auto count = static_cast<float>(fine_count);
  variance_x = dot(x.data(), x.data(), x.size()) / count - mean_x * mean_x;
  variance_y = dot(y.data(), y.data(), y.size()) / count - mean_y * mean_y;
  covariance = dot(x.data(), y.data(), x.size()) / count - mean_x * mean_y;
}

float Moments::correlation() const {
  const float product = variance_x * variance_y;
  return product > 0 ? covariance / std::sqrt(product) : 0;
}

CutStep::CutStep(const Fine& cut_picture, const Fine& target, const PictureCut& cut) {
  const float across = 0.5F * fine_side / (1 - cut.left - cut.right);
  const float down = 0.5F * fine_side / (1 - cut.top - cut.bottom);
  for (std::size_t y = 0; y < fine_side; ++y) {
    std::array<std::array<float, fine_side>, unknowns + 1> rows;
    const float* const row = cut_picture.data() + y * fine_side;
    const float* const above = cut_picture.data() + (y > 0 ? y - 1 : 0) * fine_side;
    const float* const below = cut_picture.data() + std::min(y + 1, fine_side - 1) * fine_side;
    const float low = (static_cast<float>(y) + 0.5F) / fine_side;
    for (std::size_t x = 0; x < fine_side; ++x) {
      const float far = (static_cast<float>(x) + 0.5F) / fine_side;
      const float slope_x = (row[std::min(x + 1, fine_side - 1)] - row[x > 0 ? x - 1 : 0]) * across;
      const float slope_y = (below[x] - above[x]) * down;
      rows[0][x] = row[x];
      rows[1][x] = 1;
      rows[2][x] = slope_x * (1 - far);
      rows[3][x] = -slope_x * far;
      rows[4][x] = slope_y * (1 - low);
      rows[5][x] = -slope_y * low;
      rows[6][x] = target[y * fine_side + x];
    }
    for (std::size_t i = 0; i < unknowns; ++i) {
      for (std::size_t j = i; j <= unknowns; ++j)
        sums_[i][j] += static_cast<double>(dot(rows[i].data(), rows[j].data(), fine_side));
    }
  }
  variance_ = sums_[0][0] / fine_count - std::pow(sums_[0][1] / fine_count, 2);
}

std::optional<PictureCut> CutStep::next(const PictureCut& cut) {
  // A side whose place nothing in the picture tells stays where it is.
  for (std::size_t i = 2; i < unknowns; ++i) sums_[i][i] += variance_ * fine_count;
  std::array<double, unknowns> solution{};
  if (!solve(solution) || solution[0] <= 0) return std::nullopt;
  const auto moved = [&solution](float side, std::size_t unknown) {
    return std::clamp(side + static_cast<float>(solution[unknown] / solution[0]), 0.0F, longest_cut);
  };
  return PictureCut{moved(cut.left, 2), moved(cut.right, 3), moved(cut.top, 4), moved(cut.bottom, 5)};
}

bool CutStep::solve(std::array<double, unknowns>& out) {
  for (std::size_t i = 0; i < unknowns; ++i) {
    if (sums_[i][i] <= 1e-9) return false;
    for (std::size_t row = i + 1; row < unknowns; ++row) {
      const double factor = sums_[i][row] / sums_[i][i];
      for (std::size_t column = row; column <= unknowns; ++column)
        sums_[row][column] -= factor * sums_[i][column];
    }
  }
  for (std::size_t i = unknowns; i-- > 0;) {
    double rest = sums_[i][unknowns];
    for (std::size_t j = i + 1; j < unknowns; ++j) rest -= sums_[i][j] * out[j];
    out[i] = rest / sums_[i][i];
  }
  return true;
}

}  // namespace holisafe::image
