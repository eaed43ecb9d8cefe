#include "guard/guard.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "models/registry/registry.h"
#include "models/trained_beside.h"

namespace holisafe::guard {

std::string_view name(models::GuardPooling pooling) {
  return pooling == models::GuardPooling::last_hidden ? "last_hidden" : "projector";
}

Result<models::GuardPooling> parse_pooling(std::string_view text, const std::string& where) {
  for (const auto pooling : {models::GuardPooling::last_hidden, models::GuardPooling::projector}) {
    if (name(pooling) == text) return pooling;
  }
  return fail(ErrorKind::unsupported, "cannot use guard", where,
              fmt::format("expected last_hidden or projector, found {}", text));
}

Guard::Guard(GuardInfo info, std::vector<nn::Linear> layers)
    : info_(std::move(info)), layers_(std::move(layers)) {}

Guard Guard::random(GuardInfo info, double hidden_scale, std::int64_t hidden_layers, std::uint64_t seed) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  const auto uniform = [&generator](at::IntArrayRef sizes, std::int64_t inputs) {
    const double bound = 1.0 / std::sqrt(static_cast<double>(inputs));
    return at::empty(sizes, torch::TensorOptions().dtype(torch::kFloat32)).uniform_(-bound, bound, generator);
  };
  const auto width = static_cast<std::int64_t>(static_cast<double>(info.hidden_size) * hidden_scale);
  std::vector<nn::Linear> layers;
  std::int64_t inputs = info.hidden_size;
  for (std::int64_t i = 0; i <= hidden_layers; ++i) {
    const auto outputs = i < hidden_layers ? width : static_cast<std::int64_t>(taxonomy::class_count);
    layers.push_back({uniform({outputs, inputs}, inputs), uniform({outputs}, inputs), std::nullopt});
    inputs = outputs;
  }
  return {std::move(info), std::move(layers)};
}

double Guard::hidden_scale() const {
  if (layers_.size() < 2) return 0;
  return static_cast<double>(layers_.front().weight.rows()) / static_cast<double>(info_.hidden_size);
}

torch::Tensor Guard::forward(const torch::Tensor& pooled, double dropout) const {
  torch::Tensor x = pooled.to(layers_.front().weight.device(), torch::kFloat32);
  for (std::size_t i = 0; i + 1 < layers_.size(); ++i) {
    x = at::gelu(layers_[i].forward(x));
    if (dropout > 0) x = at::dropout(x, dropout, /*train=*/true);
  }
  return layers_.back().forward(x).to(torch::kFloat32);
}

Result<taxonomy::Verdict> Guard::judge(const torch::Tensor& pooled) const {
  return verdict_of(forward(pooled), info_.temperature);
}

void Guard::visit(const std::string& prefix, nn::Visitor visitor) {
  visitor.part = nn::Part::guard;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    layers_[i].visit(fmt::format("{}mlp.{}", prefix, 3 * i), visitor);
  }
}

void Guard::to(torch::Device device) {
  for (nn::Linear& layer : layers_) {
    layer.weight = layer.weight.floats().to(device);
    layer.bias = layer.bias.to(device);
  }
}

std::string Guard::fingerprint() const {
  std::map<std::string, torch::Tensor> weights;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    weights[fmt::format("mlp.{}.weight", 3 * i)] = layers_[i].weight.floats();
    weights[fmt::format("mlp.{}.bias", 3 * i)] = layers_[i].bias;
  }
  return models::weights_fingerprint(weights);
}

Result<void> Guard::check_fits(const models::ModelInfo& model, const std::string& where) const {
  const auto family = models::family_of({{"model_type", info_.model_type}}, where);
  if (!family || (*family)->name != model.family)
    return fail(
        ErrorKind::mismatch, "guard does not fit the model", where + ": model_type",
        fmt::format("expected {} (the model's), found {} (the guard's)", model.model_type, info_.model_type));
  if (info_.hidden_size == model.hidden_size) return {};
  return fail(ErrorKind::mismatch, "guard does not fit the model", where,
              fmt::format("expected hidden size {} (the {} model's), found {} (the guard's)",
                          model.hidden_size, model.model_type, info_.hidden_size));
}

torch::Tensor pool_hidden(const torch::Tensor& hidden_states, std::span<const models::ImageSpan> spans) {
  std::vector<torch::Tensor> parts;
  for (const models::ImageSpan& span : spans) parts.push_back(hidden_states.slice(0, span.begin, span.end));
  return (parts.size() == 1 ? parts.front() : at::cat(parts, 0)).to(torch::kFloat32).mean(0);
}

torch::Tensor pool_features(std::span<const torch::Tensor> image_features) {
  std::vector<torch::Tensor> means;
  for (const torch::Tensor& features : image_features) means.push_back(features.to(torch::kFloat32).mean(0));
  return at::stack(means, 0).mean(0);
}

Result<taxonomy::Verdict> verdict_of(const torch::Tensor& logits, double temperature) {
  const auto values = logits.detach().to(torch::kCPU, torch::kFloat32).contiguous();
  taxonomy::Verdict out;
  std::copy_n(values.const_data_ptr<float>(), out.logits.size(), out.logits.begin());
  for (const float value : out.logits) {
    if (!std::isfinite(value))
      return fail(ErrorKind::not_finite, "cannot judge image", "guard logits",
                  fmt::format("expected finite numbers, found {}", value));
  }
  const auto largest = std::max_element(out.logits.begin(), out.logits.end());
  out.label = static_cast<std::size_t>(largest - out.logits.begin());
  double sum = 0;
  for (std::size_t i = 0; i < out.scores.size(); ++i) {
    out.scores[i] =
        std::exp((static_cast<double>(out.logits[i]) - static_cast<double>(*largest)) / temperature);
    sum += out.scores[i];
  }
  for (double& score : out.scores) score /= sum;
  return out;
}

}  // namespace holisafe::guard
