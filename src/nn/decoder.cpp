#include "nn/decoder.h"

#include <memory>
#include <utility>

#include "nn/mask.h"

namespace holisafe::nn {

/// Angles and masks of the two kinds of layers, made once a pass.
struct Decoder::Pass {
  struct Kind {
    torch::Tensor cos, sin;  ///< [B, T, head_dim]
    AttentionMask mask;
  };
  Kind global, local;
};

Decoder::Decoder(DecoderConfig config) : config_(std::move(config)) {
  embedding_ = Matrix::shaped(config_.vocab_size, config_.hidden_size);
  norm_ = {shaped({config_.hidden_size}), config_.rms_norm_eps, config_.unit_offset_norm};
  if (!config_.tie_embeddings) head_ = Linear::shaped(config_.hidden_size, config_.vocab_size);
  for (std::int64_t i = 0; i < config_.num_layers; ++i) layers_.push_back(make_layer());
}

void Decoder::untie() {
  if (!config_.tie_embeddings) return;
  config_.tie_embeddings = false;
  head_ = Linear::shaped(config_.hidden_size, config_.vocab_size);
}

Decoder::Layer Decoder::make_layer() const {
  const DecoderConfig& c = config_;
  const auto norm = [&c](std::int64_t size) {
    return RmsNorm{shaped({size}), c.rms_norm_eps, c.unit_offset_norm};
  };
  Layer layer;
  layer.input_norm = norm(c.hidden_size);
  layer.q = Linear::shaped(c.hidden_size, c.num_heads * c.head_dim, c.qkv_bias);
  layer.k = Linear::shaped(c.hidden_size, c.num_key_value_heads * c.head_dim, c.qkv_bias);
  layer.v = Linear::shaped(c.hidden_size, c.num_key_value_heads * c.head_dim, c.qkv_bias);
  layer.o = Linear::shaped(c.num_heads * c.head_dim, c.hidden_size, c.output_bias);
  layer.post_attention_norm = norm(c.hidden_size);
  if (c.qk_norm) {
    layer.q_norm = norm(c.head_dim);
    layer.k_norm = norm(c.head_dim);
  }
  if (c.sandwich_norms) {
    layer.pre_feedforward_norm = norm(c.hidden_size);
    layer.post_feedforward_norm = norm(c.hidden_size);
  }
  layer.mlp = {Linear::shaped(c.hidden_size, c.intermediate_size),
               Linear::shaped(c.hidden_size, c.intermediate_size),
               Linear::shaped(c.intermediate_size, c.hidden_size), c.activation};
  return layer;
}

bool Decoder::is_sliding(std::size_t layer) const {
  return layer < config_.sliding.size() && config_.sliding[layer];
}

torch::Tensor Decoder::embed(const torch::Tensor& ids) const {
  // The embedding may be stored in fewer bits than are computed in.
  auto rows = embedding_.look_up(ids).to(norm_.weight.scalar_type());
  if (config_.embedding_scale == 1) return rows;
  return rows * at::scalar_tensor(config_.embedding_scale, rows.options());
}

Decoder::Pass Decoder::make_pass(const DecoderInputs& inputs, const KvCache* cache) const {
  MaskInputs mask;
  mask.batch = inputs.embeddings.size(0);
  mask.queries = inputs.embeddings.size(1);
  mask.past = cache == nullptr ? 0 : cache->length();
  mask.key_valid = inputs.key_valid;
  mask.image_group = inputs.image_group;
  mask.device = inputs.embeddings.device();
  const auto kind = [&](const Rotary& rotary, std::int64_t window) {
    auto [cos, sin] = rotary.angles(inputs.positions);
    const auto type = inputs.embeddings.scalar_type();
    return Pass::Kind{cos.to(type), sin.to(type), {attention_mask(mask, window), mask.queries > 1}};
  };
  Pass pass;
  pass.global = kind(config_.rotary_global, 0);
  bool any_sliding = false;
  for (const bool sliding : config_.sliding) any_sliding = any_sliding || sliding;
  if (any_sliding) pass.local = kind(config_.rotary_local, config_.sliding_window);
  return pass;
}

torch::Tensor Decoder::forward(const DecoderInputs& inputs, KvCache* cache) const {
  // A hook may run a layer again in the backward pass, after this function has returned.
  const auto pass = std::make_shared<const Pass>(make_pass(inputs, cache));
  torch::Tensor hidden = inputs.embeddings;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const auto part = [this, i, pass, cache](const torch::Tensor& x) {
      return run_layer(i, x, *pass, cache);
    };
    hidden = layer_hook ? layer_hook(part, hidden) : part(hidden);
  }
  return norm_.forward(hidden);
}

torch::Tensor Decoder::run_layer(std::size_t index, const torch::Tensor& hidden, const Pass& pass,
                                 KvCache* cache) const {
  const Layer& layer = layers_[index];
  auto attended = attend(index, layer.input_norm.forward(hidden), pass, cache);
  if (config_.sandwich_norms) {
    const auto middle = hidden + layer.post_attention_norm.forward(attended);
    return middle +
           layer.post_feedforward_norm.forward(layer.mlp.forward(layer.pre_feedforward_norm.forward(middle)));
  }
  const auto middle = hidden + attended;
  return middle + layer.mlp.forward(layer.post_attention_norm.forward(middle));
}

torch::Tensor Decoder::attend(std::size_t index, const torch::Tensor& x, const Pass& pass,
                              KvCache* cache) const {
  const Layer& layer = layers_[index];
  const Pass::Kind& kind = is_sliding(index) ? pass.local : pass.global;
  const auto heads = [&](const torch::Tensor& y) {
    return y.view({y.size(0), y.size(1), -1, config_.head_dim}).transpose(1, 2);
  };
  torch::Tensor q = heads(layer.q.forward(x));
  torch::Tensor k = heads(layer.k.forward(x));
  torch::Tensor v = heads(layer.v.forward(x));
  if (config_.qk_norm) {
    q = layer.q_norm.forward(q);
    k = layer.k_norm.forward(k);
  }
  q = rotate(q, kind.cos, kind.sin);
  k = rotate(k, kind.cos, kind.sin);
  if (cache != nullptr) {
    auto stored = cache->append(static_cast<std::int64_t>(index), k, v);
    k = stored.keys;
    v = stored.values;
  }
  return layer.o.forward(attention(q, k, v, kind.mask, config_.attention_scale));
}

torch::Tensor Decoder::logits(const torch::Tensor& hidden_states) const {
  if (!config_.tie_embeddings) return head_.forward(hidden_states);
  return embedding_.multiply(hidden_states);
}

void Decoder::visit(const Visitor& visitor) {
  const std::string root = "language_model.";
  visitor.matrix(std::string(embedding_name), embedding_);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    Layer& layer = layers_[i];
    const std::string name = root + "layers." + std::to_string(i) + ".";
    layer.input_norm.visit(name + "input_layernorm", visitor);
    layer.q.visit(name + "self_attn.q_proj", visitor);
    layer.k.visit(name + "self_attn.k_proj", visitor);
    layer.v.visit(name + "self_attn.v_proj", visitor);
    layer.o.visit(name + "self_attn.o_proj", visitor);
    layer.q_norm.visit(name + "self_attn.q_norm", visitor);
    layer.k_norm.visit(name + "self_attn.k_norm", visitor);
    layer.post_attention_norm.visit(name + "post_attention_layernorm", visitor);
    layer.pre_feedforward_norm.visit(name + "pre_feedforward_layernorm", visitor);
    layer.post_feedforward_norm.visit(name + "post_feedforward_layernorm", visitor);
    layer.mlp.visit(name + "mlp", visitor);
  }
  norm_.visit(root + "norm", visitor);
  if (!config_.tie_embeddings) head_.visit("lm_head", visitor);
}

}  // namespace holisafe::nn
