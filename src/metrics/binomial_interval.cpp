#include "metrics/binomial_interval.h"

#include <cmath>

namespace holisafe::metrics {
namespace {

/// The continued fraction of the incomplete beta function, by Lentz's method.
double beta_fraction(double a, double b, double x) {
  constexpr int most_terms = 100'000;
  constexpr double tiny = 1e-300;
  const auto kept_from_zero = [](double value) { return std::abs(value) < tiny ? tiny : value; };
  double c = 1;
  double d = 1 / kept_from_zero(1 - (a + b) * x / (a + 1));
  double out = d;
  for (int term = 1; term < most_terms; ++term) {
    const double m = term;
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / kept_from_zero(1 + even * d);
    c = kept_from_zero(1 + even / c);
    out *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / kept_from_zero(1 + odd * d);
    c = kept_from_zero(1 + odd / c);
    out *= d * c;
    if (std::abs(d * c - 1) < 1e-15) break;
  }
  return out;
}

/// The distribution function of the beta distribution.
double beta_distribution(double a, double b, double x) {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  const double factor =
      std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x));
  if (x < (a + 1) / (a + b + 2)) return factor * beta_fraction(a, b, x) / a;
  return 1 - factor * beta_fraction(b, a, 1 - x) / b;
}

/// Where the distribution function reaches `share`, by halving.
double beta_quantile(double a, double b, double share) {
  double low = 0;
  double high = 1;
  for (int halving = 0; halving < 100; ++halving) {
    const double middle = (low + high) / 2;
    (beta_distribution(a, b, middle) < share ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace

std::optional<Interval> binomial_interval(std::uint64_t count, std::uint64_t rows) {
  if (rows == 0) return std::nullopt;
  if (count == 0 || count == rows) return exact_interval(count == rows, rows);
  constexpr double tail = 0.025;
  const auto hits = static_cast<double>(count);
  const auto misses = static_cast<double>(rows - count);
  return Interval{beta_quantile(hits, misses + 1, tail), beta_quantile(hits + 1, misses, 1 - tail)};
}

}  // namespace holisafe::metrics
