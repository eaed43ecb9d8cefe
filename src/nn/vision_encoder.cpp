#include "nn/vision_encoder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "nn/attention.h"

namespace holisafe::nn {
VisionEncoder::VisionEncoder(VisionEncoderConfig config) : config_(config) {
  const VisionEncoderConfig& c = config_;
  const auto norm = [&c] {
    return LayerNorm{shaped({c.hidden_size}), shaped({c.hidden_size}), c.layer_norm_eps};
  };
  if (c.class_token) class_embedding_ = shaped({c.hidden_size});
  patch_weight_ = shaped({c.hidden_size, c.num_channels, c.patch_size, c.patch_size});
  if (c.patch_bias) patch_bias_ = shaped({c.hidden_size});
  position_embedding_ = shaped({c.patches() + (c.class_token ? 1 : 0), c.hidden_size});
  if (c.input_norm) input_norm_ = norm();
  for (std::int64_t i = 0; i < c.num_layers; ++i) layers_.push_back(make_layer());
  norm_ = norm();
}

VisionEncoder::Layer VisionEncoder::make_layer() const {
  const std::int64_t size = config_.hidden_size;
  const auto norm = [&] { return LayerNorm{shaped({size}), shaped({size}), config_.layer_norm_eps}; };
  Layer layer;
  layer.norm1 = norm();
  layer.norm2 = norm();
  for (Linear* projection : {&layer.q, &layer.k, &layer.v, &layer.out})
    *projection = Linear::shaped(size, size, true);
  layer.fc1 = Linear::shaped(size, config_.intermediate_size, true);
  layer.fc2 = Linear::shaped(config_.intermediate_size, size, true);
  return layer;
}

torch::Tensor VisionEncoder::embed(const torch::Tensor& pixels) const {
  const std::array<std::int64_t, 2> stride{config_.patch_size, config_.patch_size};
  const auto bias = patch_bias_.defined() ? std::optional<torch::Tensor>(patch_bias_) : std::nullopt;
  auto embeddings = at::conv2d(pixels.to(patch_weight_.scalar_type()), patch_weight_, bias, stride)
                        .flatten(2)
                        .transpose(1, 2);  // [B, patches, hidden_size]
  if (class_embedding_.defined()) {
    const auto first = class_embedding_.expand({embeddings.size(0), 1, config_.hidden_size});
    embeddings = at::cat({first, embeddings}, 1);
  }
  embeddings = embeddings + position_embedding_;
  return config_.input_norm ? input_norm_.forward(embeddings) : embeddings;
}

torch::Tensor VisionEncoder::attend(const Layer& layer, const torch::Tensor& x) const {
  const std::int64_t head_dim = config_.hidden_size / config_.num_heads;
  const auto heads = [&](const torch::Tensor& y) {
    return y.view({y.size(0), y.size(1), config_.num_heads, head_dim}).transpose(1, 2);
  };
  return layer.out.forward(attention(heads(layer.q.forward(x)), heads(layer.k.forward(x)),
                                     heads(layer.v.forward(x)), {},
                                     1.0 / std::sqrt(static_cast<double>(head_dim))));
}

torch::Tensor VisionEncoder::run_layer(const Layer& layer, const torch::Tensor& hidden) const {
  const auto middle = hidden + attend(layer, layer.norm1.forward(hidden));
  return middle +
         layer.fc2.forward(activate(config_.activation, layer.fc1.forward(layer.norm2.forward(middle))));
}

torch::Tensor VisionEncoder::hidden_states(const torch::Tensor& pixels, std::int64_t layers) const {
  return hidden_states(pixels, std::span(&layers, 1)).front();
}

std::vector<torch::Tensor> VisionEncoder::hidden_states(const torch::Tensor& pixels,
                                                        std::span<const std::int64_t> layers) const {
  std::vector<torch::Tensor> out(layers.size());
  const std::int64_t last = *std::max_element(layers.begin(), layers.end());
  torch::Tensor hidden = embed(pixels);
  for (std::int64_t done = 0;; ++done) {
    for (std::size_t i = 0; i < layers.size(); ++i) {
      if (layers[i] == done) out[i] = hidden;
    }
    if (done >= last) return out;
    // A hook may run a layer again in the backward pass, after this function has returned.
    const auto part = [this, done](const torch::Tensor& x) {
      return run_layer(layers_[static_cast<std::size_t>(done)], x);
    };
    hidden = layer_hook ? layer_hook(part, hidden) : part(hidden);
  }
}

void VisionEncoder::visit(const std::string& name, const Visitor& visitor) {
  visitor.tensor(name + ".embeddings.class_embedding", class_embedding_);
  visitor.tensor(name + ".embeddings.patch_embedding.weight", patch_weight_);
  visitor.tensor(name + ".embeddings.patch_embedding.bias", patch_bias_);
  visitor.tensor(name + ".embeddings.position_embedding.weight", position_embedding_);
  if (config_.input_norm) input_norm_.visit(name + ".pre_layrnorm", visitor);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    Layer& layer = layers_[i];
    const std::string root = name + ".encoder.layers." + std::to_string(i);
    layer.norm1.visit(root + ".layer_norm1", visitor);
    layer.q.visit(root + ".self_attn.q_proj", visitor);
    layer.k.visit(root + ".self_attn.k_proj", visitor);
    layer.v.visit(root + ".self_attn.v_proj", visitor);
    layer.out.visit(root + ".self_attn.out_proj", visitor);
    layer.norm2.visit(root + ".layer_norm2", visitor);
    layer.fc1.visit(root + ".mlp.fc1", visitor);
    layer.fc2.visit(root + ".mlp.fc2", visitor);
  }
  norm_.visit(name + ".post_layernorm", visitor);
}

}  // namespace holisafe::nn
