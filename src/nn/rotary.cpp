#include "nn/rotary.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>
#include <string>

#include "nn/vector_functions.h"

namespace holisafe::nn {
namespace {

Result<double> number(const nlohmann::json& scaling, const char* key) {
  const auto found = scaling.find(key);
  if (found == scaling.end() || !found->is_number()) {
    return fail(ErrorKind::missing, "cannot use rope_scaling", key, "expected a number");
  }
  return found->get<double>();
}

torch::Tensor exponents(std::int64_t head_dim) {
  return at::arange(0, head_dim, 2, torch::kInt64).to(torch::kFloat32) / static_cast<double>(head_dim);
}

torch::Tensor plain_frequencies(std::int64_t head_dim, double theta) {
  return 1.0 / at::pow(theta, exponents(head_dim));
}

double number_or(const nlohmann::json& scaling, const char* key, double fallback) {
  const auto found = scaling.find(key);
  return found != scaling.end() && found->is_number() && found->get<double>() != 0 ? found->get<double>()
                                                                                   : fallback;
}

/// The kind of scaling that an object names: rope_type, in older files type.
std::string kind_of(const nlohmann::json& scaling) {
  std::string kind = "default";
  for (const char* key : {"type", "rope_type"}) {
    if (const auto found = scaling.find(key); found != scaling.end() && found->is_string())
      kind = found->get<std::string>();
  }
  return kind;
}

/// YaRN: low frequencies interpolated, high ones kept, a ramp over the dimensions between, and attention
/// scaled.
Result<void> yarn(Rotary& rotary, std::int64_t head_dim, double theta, const nlohmann::json& scaling,
                  std::int64_t max_positions) {
  HOLISAFE_TRY(const double factor, number(scaling, "factor"));
  const double trained =
      number_or(scaling, "original_max_position_embeddings", static_cast<double>(max_positions));
  if (trained <= 0) {
    return fail(ErrorKind::missing, "cannot use rope_scaling", "original_max_position_embeddings",
                "expected a number");
  }
  const auto dimension = [&](double rotations) {
    return static_cast<double>(head_dim) * std::log(trained / (rotations * 2 * std::numbers::pi)) /
           (2 * std::log(theta));
  };
  double low = dimension(number_or(scaling, "beta_fast", 32));
  double high = dimension(number_or(scaling, "beta_slow", 1));
  const auto truncate = scaling.find("truncate");
  if (truncate == scaling.end() || !truncate->is_boolean() || truncate->get<bool>()) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(head_dim - 1));
  if (low == high) high += 0.001;
  const auto ramp = ((at::arange(head_dim / 2, torch::kFloat32) - low) / (high - low)).clamp(0, 1);
  const auto slow = at::pow(theta, exponents(head_dim));
  rotary.inverse_frequencies = (1.0 / (slow * factor)) * ramp + (1.0 / slow) * (1 - ramp);
  const auto strength = [&](double scale) { return factor <= 1 ? 1.0 : 0.1 * scale * std::log(factor) + 1; };
  const double one = number_or(scaling, "mscale", 0);
  const double all = number_or(scaling, "mscale_all_dim", 0);
  const double paper = one != 0 && all != 0 ? strength(one) / strength(all) : strength(1);
  rotary.attention_factor = number_or(scaling, "attention_factor", paper);
  return {};
}

/// Llama 3's scaling: low frequencies divided by the factor, high ones kept, a ramp between.
Result<torch::Tensor> llama3(const torch::Tensor& plain, const nlohmann::json& scaling) {
  HOLISAFE_TRY(const double factor, number(scaling, "factor"));
  HOLISAFE_TRY(const double low, number(scaling, "low_freq_factor"));
  HOLISAFE_TRY(const double high, number(scaling, "high_freq_factor"));
  HOLISAFE_TRY(const double trained, number(scaling, "original_max_position_embeddings"));
  const auto wavelength = 2 * std::numbers::pi / plain;
  const auto ramp = (trained / wavelength - low) / (high - low);
  const auto scaled = at::where(wavelength > trained / low, plain / factor, plain);
  const auto smooth = (1 - ramp) * scaled / factor + ramp * scaled;
  const auto medium = wavelength.ge(trained / high).logical_and(wavelength.le(trained / low));
  return at::where(medium, smooth, scaled);
}

}  // namespace

std::pair<torch::Tensor, torch::Tensor> Rotary::angles(const torch::Tensor& positions) const {
  auto frequencies = inverse_frequencies;
  if (dynamic) {
    const auto length = static_cast<double>(positions.max().item<std::int64_t>() + 1);
    const auto trained = static_cast<double>(dynamic->trained);
    const auto size = static_cast<double>(2 * frequencies.size(0));
    if (length > trained) {
      const double stretch = dynamic->factor * length / trained - (dynamic->factor - 1);
      frequencies =
          plain_frequencies(2 * frequencies.size(0), dynamic->theta * std::pow(stretch, size / (size - 2)));
    }
  }
  frequencies = frequencies.to(positions.device());
  auto angles = positions.to(torch::kFloat32).unsqueeze(-1) * frequencies;  // [1|3, B, T, D/2]
  if (angles.size(0) == 1) {
    angles = angles[0];
  } else {
    std::vector<torch::Tensor> parts;
    std::int64_t begin = 0;
    for (std::size_t i = 0; i < sections.size(); ++i) {
      parts.push_back(angles[static_cast<std::int64_t>(i) % 3].narrow(-1, begin, sections[i]));
      begin += sections[i];
    }
    angles = at::cat(parts, -1);
  }
  angles = at::cat({angles, angles}, -1);  // [B, T, D]
  if (attention_factor == 1) return {angles.cos(), angles.sin()};
  return {angles.cos() * attention_factor, angles.sin() * attention_factor};
}

Result<Rotary> make_rotary(std::int64_t head_dim, double theta, const nlohmann::json& scaling,
                           std::int64_t trained) {
  settle_vector_functions();
  Rotary rotary;
  rotary.inverse_frequencies = plain_frequencies(head_dim, theta);
  if (!scaling.is_object()) return rotary;
  if (const auto sections = scaling.find("mrope_section");
      sections != scaling.end() && sections->is_array()) {
    for (const auto& size : *sections) {
      if (!size.is_number_integer())
        return fail(ErrorKind::wrong_type, "cannot use rope_scaling", "mrope_section", "expected integers");
      rotary.sections.push_back(size.get<std::int64_t>());
    }
  }
  const std::string kind = kind_of(scaling);
  if (kind == "default" || kind == "mrope") return rotary;
  if (kind == "linear") {
    HOLISAFE_TRY(const double factor, number(scaling, "factor"));
    rotary.inverse_frequencies = rotary.inverse_frequencies / factor;
    return rotary;
  }
  if (kind == "dynamic") {
    HOLISAFE_TRY(const double factor, number(scaling, "factor"));
    if (trained <= 0) {
      return fail(ErrorKind::missing, "cannot use rope_scaling", "max_position_embeddings",
                  "expected a number");
    }
    rotary.dynamic = DynamicScaling{theta, factor, trained};
    return rotary;
  }
  if (kind == "yarn") {
    HOLISAFE_CHECK(yarn(rotary, head_dim, theta, scaling, trained));
    return rotary;
  }
  if (kind == "llama3") {
    HOLISAFE_TRY(rotary.inverse_frequencies, llama3(rotary.inverse_frequencies, scaling));
    return rotary;
  }
  return fail(ErrorKind::unsupported, "cannot use rope_scaling", "rope_type",
              "expected default, mrope, linear, dynamic, yarn or llama3, found " + kind);
}

std::int64_t stretched_context(const nlohmann::json& scaling, std::int64_t trained) {
  constexpr double most = static_cast<double>(std::int64_t{1} << 40);
  if (!scaling.is_object()) return trained;
  const std::string kind = kind_of(scaling);
  if (kind != "linear" && kind != "dynamic" && kind != "yarn") return trained;
  const auto from = static_cast<double>(trained);
  const double began = kind == "yarn" ? number_or(scaling, "original_max_position_embeddings", from) : from;
  const double reached = began * number_or(scaling, "factor", 1);
  return static_cast<std::int64_t>(std::clamp(reached, from, std::max(from, most)));
}

torch::Tensor rotate(const torch::Tensor& x, const torch::Tensor& cos, const torch::Tensor& sin) {
  const auto half = x.size(-1) / 2;
  const auto turned = at::cat({-x.narrow(-1, half, half), x.narrow(-1, 0, half)}, -1);
  return x * cos.unsqueeze(1).to(x.scalar_type()) + turned * sin.unsqueeze(1).to(x.scalar_type());
}

}  // namespace holisafe::nn
