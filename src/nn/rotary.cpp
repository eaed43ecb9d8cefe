#include "nn/rotary.h"

#include <numbers>
#include <string>

namespace holisafe::nn {
namespace {

Result<double> number(const nlohmann::json& scaling, const char* key) {
  const auto found = scaling.find(key);
  if (found == scaling.end() || !found->is_number()) {
    return fail(ErrorKind::missing, "cannot use rope_scaling", key, "expected a number");
  }
  return found->get<double>();
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
  const auto frequencies = inverse_frequencies.to(positions.device());
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
  return {angles.cos(), angles.sin()};
}

Result<Rotary> make_rotary(std::int64_t head_dim, double theta, const nlohmann::json& scaling) {
  Rotary rotary;
  const auto exponent =
      at::arange(0, head_dim, 2, torch::kInt64).to(torch::kFloat32) / static_cast<double>(head_dim);
  rotary.inverse_frequencies = 1.0 / at::pow(theta, exponent);
  if (!scaling.is_object()) return rotary;
  if (const auto sections = scaling.find("mrope_section");
      sections != scaling.end() && sections->is_array()) {
    for (const auto& size : *sections) {
      if (!size.is_number_integer())
        return fail(ErrorKind::wrong_type, "cannot use rope_scaling", "mrope_section", "expected integers");
      rotary.sections.push_back(size.get<std::int64_t>());
    }
  }
  std::string kind = "default";
  for (const char* key : {"type", "rope_type"}) {
    if (const auto found = scaling.find(key); found != scaling.end() && found->is_string())
      kind = found->get<std::string>();
  }
  if (kind == "default" || kind == "mrope" || kind == "dynamic") return rotary;
  if (kind == "linear") {
    HOLISAFE_TRY(const double factor, number(scaling, "factor"));
    rotary.inverse_frequencies = rotary.inverse_frequencies / factor;
    return rotary;
  }
  if (kind == "llama3") {
    HOLISAFE_TRY(rotary.inverse_frequencies, llama3(rotary.inverse_frequencies, scaling));
    return rotary;
  }
  return fail(ErrorKind::unsupported, "cannot use rope_scaling", "rope_type",
              "expected default, mrope, linear, dynamic or llama3, found " + kind);
}

torch::Tensor rotate(const torch::Tensor& x, const torch::Tensor& cos, const torch::Tensor& sin) {
  const auto half = x.size(-1) / 2;
  const auto turned = at::cat({-x.narrow(-1, half, half), x.narrow(-1, 0, half)}, -1);
  return x * cos.unsqueeze(1).to(x.scalar_type()) + turned * sin.unsqueeze(1).to(x.scalar_type());
}

}  // namespace holisafe::nn
