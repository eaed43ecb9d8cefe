#include "models/qwen2_5_vl/vision.h"

#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include "nn/attention.h"
#include "nn/rotary.h"

namespace holisafe::models::qwen2_5_vl {
namespace {

// The tower's norms take no epsilon from the config.
constexpr double norm_epsilon = 1e-6;

nn::Linear linear(std::int64_t in, std::int64_t out) { return nn::Linear::shaped(in, out, true); }

}  // namespace

/// The order of tokens, angles, and the sizes of windows, made once a pass.
struct VisionTower::Pass {
  torch::Tensor order;     ///< i64 [tokens]
  torch::Tensor inverse;   ///< i64 [tokens]
  torch::Tensor cos, sin;  ///< f32 [patches, 1, head_dim], in window order
  std::vector<WindowGroup> windows, whole;
};

VisionTower::VisionTower(VisionConfig config) : config_(std::move(config)) {
  const VisionConfig& c = config_;
  inverse_frequencies_ = nn::make_rotary(c.head_dim() / 2, c.rope_theta, nullptr)->inverse_frequencies;
  patch_embed_ = nn::shaped({c.hidden_size, 3, c.temporal_patch_size, c.patch_size, c.patch_size});
  for (std::int64_t i = 0; i < c.depth; ++i) blocks_.push_back(make_block());
  merger_norm_ = {nn::shaped({c.hidden_size}), norm_epsilon, false};
  const std::int64_t merged = c.hidden_size * c.merge_unit();
  merger_in_ = linear(merged, merged);
  merger_out_ = linear(merged, c.out_hidden_size);
}

VisionTower::Block VisionTower::make_block() const {
  const VisionConfig& c = config_;
  Block block;
  block.norm1 = {nn::shaped({c.hidden_size}), norm_epsilon, false};
  block.norm2 = {nn::shaped({c.hidden_size}), norm_epsilon, false};
  block.qkv = linear(c.hidden_size, 3 * c.hidden_size);
  block.proj = linear(c.hidden_size, c.hidden_size);
  block.mlp = {linear(c.hidden_size, c.intermediate_size), linear(c.hidden_size, c.intermediate_size),
               linear(c.intermediate_size, c.hidden_size), c.activation};
  return block;
}

VisionTower::Pass VisionTower::make_pass(TokenGrid grid, const torch::Tensor& like) const {
  Pass pass;
  const std::int64_t merge = config_.spatial_merge_size;
  const std::int64_t tokens = grid.height * grid.width;
  WindowPlan plan = plan_windows(grid.height, grid.width, config_.window_side());
  for (WindowGroup& group : plan.groups) group.tokens *= config_.merge_unit();
  pass.windows = std::move(plan.groups);
  pass.whole = {{1, tokens * config_.merge_unit()}};
  pass.order = torch::tensor(plan.order, torch::kInt64).to(like.device());
  pass.inverse = torch::tensor(plan.inverse, torch::kInt64).to(like.device());

  // Row and column of every patch of every token, in window order: [tokens, merge x merge, 2].
  const auto options = torch::TensorOptions(like.device()).dtype(torch::kInt64);
  const auto inside = at::arange(merge, options);
  const auto rows = at::div(pass.order, grid.width, "floor").mul(merge).view({-1, 1, 1}) +
                    inside.view({1, merge, 1});  // [tokens, merge, 1]
  const auto columns = at::remainder(pass.order, grid.width).mul(merge).view({-1, 1, 1}) +
                       inside.view({1, 1, merge});  // [tokens, 1, merge]
  const auto places =
      at::stack({rows.expand({tokens, merge, merge}), columns.expand({tokens, merge, merge})}, 3);
  const auto angles = places.reshape({-1, 2, 1}).to(torch::kFloat32) *
                      inverse_frequencies_.to(like.device());  // [patches, 2, head_dim / 4]
  const auto half = angles.reshape({angles.size(0), 1, config_.head_dim() / 2});
  pass.cos = half.cos().repeat({1, 1, 2});
  pass.sin = half.sin().repeat({1, 1, 2});
  return pass;
}

torch::Tensor VisionTower::attend(const Block& block, const torch::Tensor& x, const Pass& pass,
                                  const std::vector<WindowGroup>& groups) const {
  const std::int64_t patches = x.size(0);
  const std::int64_t heads = config_.num_heads;
  const std::int64_t head_dim = config_.head_dim();
  const double scale = 1.0 / std::sqrt(static_cast<double>(head_dim));
  const auto projected = block.qkv.forward(x).view({patches, 3 * heads, head_dim});
  // Turned in float32 whatever the model computes in, as the reference does.
  const auto turned =
      nn::rotate(projected.narrow(1, 0, 2 * heads).unsqueeze(2).to(torch::kFloat32), pass.cos, pass.sin)
          .squeeze(2)
          .to(projected.scalar_type());
  std::vector<torch::Tensor> attended;
  std::int64_t begin = 0;
  for (const WindowGroup& group : groups) {
    const std::int64_t size = group.windows * group.tokens;
    // [windows, heads, patches of a window, head_dim]: views, nothing moves.
    const auto batch = [&](const torch::Tensor& all, std::int64_t first) {
      return all.narrow(0, begin, size)
          .narrow(1, first, heads)
          .view({group.windows, group.tokens, heads, head_dim})
          .transpose(1, 2);
    };
    attended.push_back(
        nn::attention(batch(turned, 0), batch(turned, heads), batch(projected, 2 * heads), {}, scale)
            .view({size, heads * head_dim}));
    begin += size;
  }
  return block.proj.forward(attended.size() == 1 ? attended.front() : at::cat(attended, 0));
}

torch::Tensor VisionTower::run_block(std::size_t index, const torch::Tensor& x, const Pass& pass) const {
  const Block& block = blocks_[index];
  const auto& groups = config_.full_attention[index] ? pass.whole : pass.windows;
  // x stays as it is: whoever checkpoints activations runs the block on it again.
  auto middle = x + attend(block, block.norm1.forward(x), pass, groups);
  const auto changed = block.mlp.forward(block.norm2.forward(middle));
  return at::GradMode::is_enabled() ? middle + changed : middle.add_(changed);
}

torch::Tensor VisionTower::forward(const torch::Tensor& pixel_values, TokenGrid grid) const {
  const std::int64_t unit = config_.merge_unit();
  const std::int64_t hidden_size = config_.hidden_size;
  // A hook may run a block again in the backward pass, after this function has returned.
  const auto pass = std::make_shared<const Pass>(make_pass(grid, pixel_values));
  auto x = at::linear(pixel_values, patch_embed_.flatten(1).to(pixel_values.scalar_type()));
  x = x.view({-1, unit * hidden_size}).index_select(0, pass->order).view({-1, hidden_size});
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const auto part = [this, i, pass](const torch::Tensor& in) { return run_block(i, in, *pass); };
    x = layer_hook ? layer_hook(part, x) : part(x);
  }
  const auto merged = merger_norm_.forward(x).view({-1, unit * hidden_size});
  const auto tokens = merger_out_.forward(at::gelu(merger_in_.forward(merged)));
  return tokens.index_select(0, pass->inverse);
}

void VisionTower::visit(nn::Visitor visitor) {
  visitor.part = nn::Part::vision;
  visitor.tensor("visual.patch_embed.proj.weight", patch_embed_);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    Block& block = blocks_[i];
    const std::string name = "visual.blocks." + std::to_string(i) + ".";
    block.norm1.visit(name + "norm1", visitor);
    block.norm2.visit(name + "norm2", visitor);
    block.qkv.visit(name + "attn.qkv", visitor);
    block.proj.visit(name + "attn.proj", visitor);
    block.mlp.visit(name + "mlp", visitor);
  }
  visitor.part = nn::Part::projector;
  merger_norm_.visit("visual.merger.ln_q", visitor);
  merger_in_.visit("visual.merger.mlp.0", visitor);
  merger_out_.visit("visual.merger.mlp.2", visitor);
}

}  // namespace holisafe::models::qwen2_5_vl
