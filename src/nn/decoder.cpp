#include "nn/decoder.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "nn/attention_rows.h"
#include "nn/mask.h"

namespace holisafe::nn {

/// cos and sin of one kind of layers, [B, T, head_dim], in the type that is computed in.
struct Decoder::Angles {
  torch::Tensor cos, sin;
};

/// Angles and masks of the two kinds of layers, made once a pass; the last layer's queries are those read.
struct Decoder::Piece {
  struct Kind {
    Angles all, read;
    AttentionMask mask, read_mask;
  };
  Kind global, local;
  torch::Tensor read;  ///< as DecoderInputs has it
  KvCache* cache = nullptr;
};

struct Decoder::Decoding {
  Angles global, local;  ///< [R, 1, head_dim]
  std::span<KvCache* const> caches;
};

Decoder::Angles Decoder::angles_of(const Rotary& rotary, const torch::Tensor& positions,
                                   torch::ScalarType type) {
  auto [cos, sin] = rotary.angles(positions);
  return {cos.to(type), sin.to(type)};
}

/// Row by row: what an element-wise function gives of the last few numbers of a tensor is not what it gives
/// within one, and a sequence longer than the model was trained on turns by its own length.
Decoder::Angles Decoder::angles_of_rows(const Rotary& rotary, const torch::Tensor& positions,
                                        torch::ScalarType type) {
  std::vector<torch::Tensor> cos;
  std::vector<torch::Tensor> sin;
  for (std::int64_t row = 0; row < positions.size(1); ++row) {
    const Angles own = angles_of(rotary, positions.narrow(1, row, 1).unsqueeze(2), type);
    cos.push_back(own.cos);
    sin.push_back(own.sin);
  }
  return {at::cat(cos, 0), at::cat(sin, 0)};
}

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

bool Decoder::any_sliding() const {
  return std::find(config_.sliding.begin(), config_.sliding.end(), true) != config_.sliding.end();
}

Decoder::Piece Decoder::make_piece(const DecoderInputs& inputs, KvCache* cache) const {
  MaskInputs all;
  all.queries = inputs.embeddings.size(1);
  all.past = cache == nullptr ? 0 : cache->length();
  all.image_group = inputs.image_group;
  all.device = inputs.embeddings.device();
  MaskInputs read = all;
  read.read = inputs.read;
  const auto kind = [&](const Rotary& rotary, std::int64_t window) {
    Piece::Kind out;
    out.all = angles_of(rotary, inputs.positions, inputs.embeddings.scalar_type());
    out.mask = {attention_mask(all, window), all.queries > 1};
    if (!inputs.read.defined()) return out;
    out.read = {out.all.cos.index_select(1, inputs.read), out.all.sin.index_select(1, inputs.read)};
    out.read_mask = {attention_mask(read, window), false};
    return out;
  };
  Piece piece;
  piece.global = kind(config_.rotary_global, 0);
  if (any_sliding()) piece.local = kind(config_.rotary_local, config_.sliding_window);
  piece.read = inputs.read;
  piece.cache = cache;
  return piece;
}

torch::Tensor Decoder::forward(const DecoderInputs& inputs, KvCache* cache) const {
  // A hook may run a layer again in the backward pass, after this function has returned.
  const auto piece = std::make_shared<const Piece>(make_piece(inputs, cache));
  torch::Tensor hidden = inputs.embeddings;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const auto part = [this, i, piece](const torch::Tensor& x) { return run_layer(i, x, *piece); };
    hidden = layer_hook ? layer_hook(part, hidden) : part(hidden);
  }
  return norm_.forward(hidden);
}

Decoder::Decoding Decoder::make_decoding(const DecodingRows& rows) const {
  const auto type = rows.embeddings.scalar_type();
  Decoding out{angles_of_rows(config_.rotary_global, rows.positions, type), {}, rows.caches};
  if (any_sliding()) out.local = angles_of_rows(config_.rotary_local, rows.positions, type);
  return out;
}

torch::Tensor Decoder::decode(const DecodingRows& rows) const {
  const Decoding decoding = make_decoding(rows);
  torch::Tensor hidden = rows.embeddings;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const auto attended = attend(i, layers_[i].input_norm.forward(hidden), decoding);
    hidden = feed_forward(layers_[i], hidden, attended, Rows::apart);
  }
  return norm_.forward(hidden);
}

torch::Tensor Decoder::run_layer(std::size_t index, const torch::Tensor& hidden, const Piece& piece) const {
  const bool read_only = piece.read.defined() && index + 1 == layers_.size();
  const auto attended = attend(index, layers_[index].input_norm.forward(hidden), piece, read_only);
  return feed_forward(layers_[index], read_only ? hidden.index_select(1, piece.read) : hidden, attended,
                      Rows::together);
}

torch::Tensor Decoder::feed_forward(const Layer& layer, const torch::Tensor& hidden,
                                    const torch::Tensor& attended, Rows rows) const {
  if (config_.sandwich_norms) {
    const auto middle = hidden + layer.post_attention_norm.forward(attended);
    return middle + layer.post_feedforward_norm.forward(
                        layer.mlp.forward(layer.pre_feedforward_norm.forward(middle), rows));
  }
  const auto middle = hidden + attended;
  return middle + layer.mlp.forward(layer.post_attention_norm.forward(middle), rows);
}

torch::Tensor Decoder::attend(std::size_t index, const torch::Tensor& x, const Piece& piece,
                              bool read_only) const {
  const Layer& layer = layers_[index];
  const Piece::Kind& kind = is_sliding(index) ? piece.local : piece.global;
  const Angles& angles = read_only ? kind.read : kind.all;
  const auto heads = [&](const torch::Tensor& y) {
    return y.view({y.size(0), y.size(1), y.size(2) / config_.head_dim, config_.head_dim}).transpose(1, 2);
  };
  torch::Tensor q = heads(layer.q.forward(read_only ? x.index_select(1, piece.read) : x));
  torch::Tensor k = heads(layer.k.forward(x));
  torch::Tensor v = heads(layer.v.forward(x));
  if (config_.qk_norm) {
    q = layer.q_norm.forward(q);
    k = layer.k_norm.forward(k);
  }
  q = rotate(q, angles.cos, angles.sin);
  k = rotate(k, kind.all.cos, kind.all.sin);
  if (piece.cache != nullptr) {
    piece.cache->append(static_cast<std::int64_t>(index), k, v);
    const auto joined = piece.cache->joined(static_cast<std::int64_t>(index));
    k = joined.keys;
    v = joined.values;
  }
  if (q.size(2) == 0) return x.narrow(1, 0, 0);
  const AttentionMask& mask = read_only ? kind.read_mask : kind.mask;
  return layer.o.forward(attention(q, k, v, mask, config_.attention_scale));
}

torch::Tensor Decoder::attend(std::size_t index, const torch::Tensor& x, const Decoding& decoding) const {
  const Layer& layer = layers_[index];
  const bool sliding = is_sliding(index);
  const Angles& angles = sliding ? decoding.local : decoding.global;
  const auto heads = [&](const Linear& linear) {  // [R, heads, 1, head_dim]
    return linear.forward(x, Rows::apart).view({x.size(0), -1, 1, config_.head_dim});
  };
  torch::Tensor q = heads(layer.q);
  torch::Tensor k = heads(layer.k);
  const torch::Tensor v = heads(layer.v);
  if (config_.qk_norm) {
    q = layer.q_norm.forward(q);
    k = layer.k_norm.forward(k);
  }
  q = rotate(q, angles.cos, angles.sin);
  k = rotate(k, angles.cos, angles.sin);
  std::vector<RowKeys> rows;
  for (std::size_t row = 0; row < decoding.caches.size(); ++row) {
    KvCache& cache = *decoding.caches[row];
    const auto layer_index = static_cast<std::int64_t>(index);
    const auto place = static_cast<std::int64_t>(row);
    cache.append(layer_index, k.narrow(0, place, 1), v.narrow(0, place, 1));
    rows.push_back({cache.segments(layer_index), 0});
    if (!sliding) continue;
    std::int64_t length = 0;
    for (const KeyValueSegment& segment : rows.back().segments) length += segment.length;
    rows.back().begin = std::max<std::int64_t>(0, length - config_.sliding_window);
  }
  return layer.o.forward(attention_rows(q.squeeze(2), rows, config_.attention_scale), Rows::apart);
}

torch::Tensor Decoder::logits(const torch::Tensor& hidden_states, Rows rows) const {
  if (!config_.tie_embeddings) return head_.forward(hidden_states, rows);
  return embedding_.multiply(hidden_states, {}, rows);
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
