// The decoder-only transformer that all families share: Llama's, with what Qwen2.5 and Gemma 3 add to it as
// options.
//
//   Decoder decoder(config);                       // weights have shapes but no storage yet
//   decoder.visit("", visitor);                    // a loader binds them by name
//   KvCache cache(config.num_layers);
//   Tensor hidden = decoder.forward({decoder.embed(ids), positions}, &cache);
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nn/attention.h"
#include "nn/kv_cache.h"
#include "nn/layer_hook.h"
#include "nn/linear.h"
#include "nn/mlp.h"
#include "nn/norm.h"
#include "nn/rotary.h"
#include "nn/tensor.h"

namespace holisafe::nn {

/// Canonical name of the embedding, which is the output projection too where the two are tied.
inline constexpr std::string_view embedding_name = "language_model.embed_tokens.weight";
/// And of the output projection, where it has a matrix of its own.
inline constexpr std::string_view head_name = "lm_head.weight";

struct DecoderConfig {
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t num_layers = 0;
  std::int64_t num_heads = 0;
  std::int64_t num_key_value_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t vocab_size = 0;
  double rms_norm_eps = 1e-6;
  Activation activation = Activation::silu;
  double attention_scale = 0;  ///< of q k^T; usually head_dim^-0.5
  double embedding_scale =
      1;                     ///< of token embeddings, rounded to the compute dtype (Gemma: sqrt(hidden_size))
  bool qkv_bias = false;     ///< q, k and v projections have biases (Qwen2)
  bool output_bias = false;  ///< the attention's output projection has one
  bool qk_norm = false;      ///< q and k are normalised per head before rotating (Gemma 3)
  bool unit_offset_norm = false;  ///< norms multiply by 1 + weight in float32 (Gemma)
  bool sandwich_norms = false;    ///< norms after attention and feed-forward as well as before (Gemma)
  bool tie_embeddings = false;    ///< the output projection is the embedding
  std::vector<bool> sliding;  ///< per layer: attends within sliding_window, with rotary_local; empty: none
  std::int64_t sliding_window = 0;
  Rotary rotary_global;
  Rotary rotary_local;
};

/// One pass over T positions a sequence; B sequences, the shorter filled up on the right, where causal
/// attention never looks.
struct DecoderInputs {
  torch::Tensor embeddings;  ///< [B, T, hidden_size]
  torch::Tensor positions;   ///< i64 [1, B, T], or [3, B, T] with rotary sections
  torch::Tensor
      image_group;  ///< i64 [B, T], -1 text, else an image whose positions see each other; undefined: none
  /// i64 [N], in order: positions of one sequence (B = 1) whose hidden states somebody reads; the last layer
  /// runs for them alone. Undefined: all.
  torch::Tensor read;
};

/// R sequences that go on by a token each.
struct DecodingRows {
  torch::Tensor embeddings;          ///< [R, hidden_size]
  torch::Tensor positions;           ///< i64 [1 or 3, R]
  std::span<KvCache* const> caches;  ///< of each
};

/// Weights and forward pass. Running it is thread-safe as long as nobody changes weights.
class Decoder {
 public:
  /// Weights get their shapes on the meta device: visit() names them before they are loaded.
  explicit Decoder(DecoderConfig config);

  [[nodiscard]] const DecoderConfig& config() const { return config_; }

  /// Gives a tied output projection a matrix of its own, to be loaded. Nothing where it has one.
  void untie();

  /// Token embeddings [..., hidden_size] of ids i64 [...], scaled as configured.
  [[nodiscard]] torch::Tensor embed(const torch::Tensor& ids) const;

  /// Hidden states after the final norm, [B, T, hidden_size], or [1, N, hidden_size] of those read. Appends
  /// to the cache where one is given (B = 1); positions before the inputs' are then taken from it.
  torch::Tensor forward(const DecoderInputs& inputs, KvCache* cache = nullptr) const;

  /// Hidden states after the final norm, [R, hidden_size]; each cache grows by a position. On the CPU and
  /// without gradients a row's bits do not depend on the others, nor on how many they are.
  [[nodiscard]] torch::Tensor decode(const DecodingRows& rows) const;

  /// [..., vocab_size] from hidden states after the final norm.
  [[nodiscard]] torch::Tensor logits(const torch::Tensor& hidden_states, Rows rows = Rows::together) const;

  /// Canonical names `language_model.…` and `lm_head`. A tied output projection is not named: it is the
  /// embedding.
  void visit(const Visitor& visitor);

  LayerHook layer_hook;  ///< empty: layers run plainly

 private:
  struct Layer {
    RmsNorm input_norm;
    Linear q, k, v, o;
    RmsNorm q_norm, k_norm;
    RmsNorm post_attention_norm;  ///< sandwich: of the attention's output; else before the feed-forward
    RmsNorm pre_feedforward_norm, post_feedforward_norm;
    GatedMlp mlp;
  };
  struct Angles;    // of rotary positions
  struct Piece;     // what all layers of one pass over positions share
  struct Decoding;  // and of one over rows that decode
  [[nodiscard]] Layer make_layer() const;
  [[nodiscard]] bool is_sliding(std::size_t layer) const;
  [[nodiscard]] bool any_sliding() const;
  static Angles angles_of(const Rotary& rotary, const torch::Tensor& positions, torch::ScalarType type);
  static Angles angles_of_rows(const Rotary& rotary, const torch::Tensor& positions, torch::ScalarType type);
  [[nodiscard]] Piece make_piece(const DecoderInputs& inputs, KvCache* cache) const;
  [[nodiscard]] Decoding make_decoding(const DecodingRows& rows) const;
  torch::Tensor run_layer(std::size_t index, const torch::Tensor& hidden, const Piece& piece) const;
  torch::Tensor attend(std::size_t index, const torch::Tensor& x, const Piece& piece, bool read_only) const;
  torch::Tensor attend(std::size_t index, const torch::Tensor& x, const Decoding& decoding) const;
  /// From a layer's input and what its attention gives.
  [[nodiscard]] torch::Tensor feed_forward(const Layer& layer, const torch::Tensor& hidden,
                                           const torch::Tensor& attended, Rows rows) const;

  DecoderConfig config_;
  Matrix embedding_;  ///< [vocab_size, hidden_size]
  std::vector<Layer> layers_;
  RmsNorm norm_;
  Linear head_;  ///< weight undefined where tied
};

}  // namespace holisafe::nn
