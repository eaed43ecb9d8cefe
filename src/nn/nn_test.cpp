// The modules against plain formulas, and two paths to one answer.
#include <vector>

#include <gtest/gtest.h>

#include "nn/attention.h"
#include "nn/kv_cache.h"
#include "nn/linear.h"
#include "nn/mask.h"
#include "nn/mlp.h"
#include "nn/module_case.h"
#include "nn/norm.h"
#include "nn/vision_encoder.h"

namespace holisafe::nn {
namespace {

// ---- linear, norms, activations

TEST(Linear, AddsItsAdapterAsPeftDoesAndMergesIt) {
  Linear linear{random_floats({5, 7}, 1), random_floats({5}, 2),
                Lora{random_floats({2, 7}, 3), random_floats({5, 2}, 4), 0.5, 0}};
  const auto x = random_floats({3, 7}, 5);
  const auto plain = at::matmul(x, linear.weight.floats().t()) + linear.bias;
  const auto expected = plain + at::matmul(at::matmul(x, linear.lora->a.t()), linear.lora->b.t()) * 0.5;
  EXPECT_LT(difference(linear.forward(x), expected), 1e-6);
  linear.merge();
  EXPECT_FALSE(linear.lora.has_value());
  EXPECT_LT(difference(linear.forward(x), expected), 1e-5);
}

TEST(Linear, ScalesRowsToTheirMagnitudesAsDoRA) {
  Linear linear{random_floats({5, 7}, 1), random_floats({5}, 2),
                Lora{random_floats({2, 7}, 3), random_floats({5, 2}, 4), 0.5, 0}};
  linear.lora->magnitude = random_floats({5}, 6).abs() + 0.5;
  linear.lora->row_factors = row_factors(linear.weight.floats(), *linear.lora);
  const auto x = random_floats({3, 7}, 5);
  const auto sum = linear.weight.floats() + at::mm(linear.lora->b, linear.lora->a) * 0.5;
  const auto direction = sum / sum.pow(2).sum(1, true).sqrt();
  const auto expected = at::matmul(x, (direction * linear.lora->magnitude.unsqueeze(1)).t()) + linear.bias;
  EXPECT_LT(difference(linear.forward(x), expected), 1e-5);
  linear.merge();
  EXPECT_LT(difference(linear.forward(x), expected), 1e-5);
}

TEST(Norms, FollowTheirFormulas) {
  const auto x = random_floats({2, 3, 8}, 1);
  const auto weight = random_floats({8}, 2);
  const auto rms = x / at::sqrt(x.square().mean(-1, true) + 1e-6);
  EXPECT_LT(difference(RmsNorm{weight, 1e-6, false}.forward(x), weight * rms), 1e-6);
  EXPECT_LT(difference(RmsNorm{weight, 1e-6, true}.forward(x), (1 + weight) * rms), 1e-6);
  const auto bias = random_floats({8}, 3);
  const auto centred = x - x.mean(-1, true);
  const auto standard = centred / at::sqrt(centred.square().mean(-1, true) + 1e-5);
  EXPECT_LT(difference(LayerNorm{weight, bias, 1e-5}.forward(x), standard * weight + bias), 1e-5);
}

TEST(Norms, RoundToTheInputsTypeBeforeLlamasWeight) {
  const auto x = random_floats({4, 8}, 1).to(torch::kBFloat16);
  const auto weight = random_floats({8}, 2).to(torch::kBFloat16);
  const auto wide = x.to(torch::kFloat32);
  const auto normed = (wide * at::rsqrt(wide.square().mean(-1, true) + 1e-6)).to(torch::kBFloat16);
  const auto y = RmsNorm{weight, 1e-6, false}.forward(x);
  EXPECT_EQ(y.scalar_type(), torch::kBFloat16);
  EXPECT_TRUE(at::equal(y, normed * weight));
}

TEST(Activations, AreThoseTheirNamesSay) {
  const auto x = random_floats({100}, 1) * 3;
  const auto by = [&](const char* name) { return activate(*parse_activation(name), x); };
  EXPECT_LT(difference(by("silu"), x / (1 + at::exp(-x))), 1e-6);
  EXPECT_LT(difference(by("gelu"), 0.5 * x * (1 + at::erf(x / std::numbers::sqrt2))), 1e-6);
  const auto inner = std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x.pow(3));
  EXPECT_LT(difference(by("gelu_pytorch_tanh"), 0.5 * x * (1 + at::tanh(inner))), 1e-6);
  EXPECT_LT(difference(by("quick_gelu"), x / (1 + at::exp(-1.702 * x))), 1e-6);
  const auto unknown = parse_activation("relu6");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, ErrorKind::unsupported);
}

// ---- masks and attention

TEST(Mask, EqualsItsDefinition) {
  const std::int64_t past = 3;
  const std::int64_t queries = 5;
  const std::int64_t window = 4;
  const auto group = torch::tensor({-1, 0, 0, 1, 1, -1, -1, 2, 2, 2}, torch::kInt64).view({2, 5});
  for (const bool slides : {false, true}) {
    const auto mask = attention_mask({queries, past, group, {}, torch::kCPU}, slides ? window : 0);
    ASSERT_EQ(mask.sizes(), (std::vector<std::int64_t>{2, 1, queries, past + queries}));
    for (std::int64_t b = 0; b < 2; ++b) {
      for (std::int64_t q = 0; q < queries; ++q) {
        for (std::int64_t k = 0; k < past + queries; ++k) {
          const std::int64_t at = past + q;
          const auto of = [&](std::int64_t i) { return i < 0 ? -1 : group[b][i].item<std::int64_t>(); };
          bool sees = k <= at || (of(q) >= 0 && k >= past && of(q) == of(k - past));
          if (slides) sees = sees && k > at - window;
          EXPECT_EQ(mask[b][0][q][k].item<bool>(), sees) << b << " " << q << " " << k << " " << slides;
        }
      }
    }
    const auto read = torch::tensor({1, 4}, torch::kInt64);
    EXPECT_TRUE(at::equal(attention_mask({queries, past, group, read, torch::kCPU}, slides ? window : 0),
                          mask.index_select(2, read)));
  }
}

TEST(Mask, IsLeftOutWherePlainCausalityDoes) {
  EXPECT_FALSE(attention_mask({6, 0, {}, {}, torch::kCPU}, 0).defined());
  EXPECT_FALSE(attention_mask({1, 9, {}, {}, torch::kCPU}, 0).defined());
  EXPECT_FALSE(attention_mask({6, 0, {}, {}, torch::kCPU}, 6).defined());
  EXPECT_TRUE(attention_mask({2, 9, {}, {}, torch::kCPU}, 0).defined());
  EXPECT_TRUE(attention_mask({6, 0, {}, {}, torch::kCPU}, 5).defined());
}

TEST(Attention, EqualsSoftmaxOverGroupedHeads) {
  const auto k = random_floats({2, 2, 5, 8}, 2);
  const auto v = random_floats({2, 2, 5, 8}, 3);
  const auto causal = at::ones({5, 5}, torch::kBool).tril();
  const auto q = random_floats({2, 6, 5, 8}, 1);
  EXPECT_LT(difference(attention(q, k, v, {{}, true}, 0.3), plain_attention(q, k, v, causal, 0.3)), 1e-5);
  EXPECT_LT(difference(attention(q, k, v, {causal, true}, 0.3), plain_attention(q, k, v, causal, 0.3)), 1e-5);
  EXPECT_LT(difference(attention(q, k, v, {{}, false}, 0.3), plain_attention(q, k, v, {}, 0.3)), 1e-5);
  const auto one = random_floats({2, 6, 1, 8}, 4);
  EXPECT_LT(difference(attention(one, k, v, {{}, false}, 0.3), plain_attention(one, k, v, {}, 0.3)), 1e-5);
  const auto valid = torch::tensor({0, 0, 1, 1, 1, 0, 1, 1, 1, 1}).view({2, 1, 1, 5}).to(torch::kBool);
  EXPECT_LT(difference(attention(one, k, v, {valid, false}, 0.3), plain_attention(one, k, v, valid, 0.3)),
            1e-5);
}

// ---- key-value cache

void append(KvCache& cache, std::int64_t count, double value) {
  const auto x = at::full({1, 1, count, 2}, value);
  cache.append(0, x, -x);
}

std::vector<float> first_numbers(const KvCache& cache) {
  const auto keys = cache.joined(0).keys.select(3, 0).flatten().contiguous();
  EXPECT_TRUE(at::equal(cache.joined(0).values, -cache.joined(0).keys));
  return {keys.const_data_ptr<float>(), keys.const_data_ptr<float>() + keys.numel()};
}

TEST(KvCache, SequencesGoOnFromOnePrefixWithoutCopies) {
  const auto prefix = std::make_shared<KvCache>(1, 3);
  append(*prefix, 2, 1);
  append(*prefix, 1, 2);
  KvCache one = KvCache::after(prefix, 4);
  KvCache other = KvCache::after(prefix, 1);
  EXPECT_EQ(one.length(), 3);
  append(one, 2, 3);
  append(other, 1, 4);
  append(other, 2, 5);  // beyond its room
  EXPECT_EQ(one.length(), 5);
  EXPECT_EQ(first_numbers(one), (std::vector<float>{1, 1, 2, 3, 3}));
  EXPECT_EQ(first_numbers(other), (std::vector<float>{1, 1, 2, 4, 5, 5}));
  EXPECT_EQ(one.segments(0).front().keys.data_ptr(), other.segments(0).front().keys.data_ptr());
  EXPECT_EQ(first_numbers(*prefix), (std::vector<float>{1, 1, 2}));
}

// ---- vision encoder

VisionEncoderConfig vision(bool clip) {
  VisionEncoderConfig config;
  config.hidden_size = 24;
  config.intermediate_size = 40;
  config.num_layers = 3;
  config.num_heads = 3;
  config.image_size = 12;
  config.patch_size = 4;
  config.class_token = config.input_norm = clip;
  config.patch_bias = !clip;
  return config;
}

struct NamedEncoder : VisionEncoder {
  using VisionEncoder::VisionEncoder;
  void visit(const Visitor& visitor) { VisionEncoder::visit("tower", visitor); }
};

TEST(VisionEncoder, BatchedEqualsSingleAndRunsNoFurtherThanAsked) {
  torch::NoGradGuard no_grad;
  for (const bool clip : {true, false}) {
    NamedEncoder tower(vision(clip));
    fill(tower, 5);
    int runs = 0;
    tower.layer_hook = [&runs](const auto& part, const torch::Tensor& x) {
      ++runs;
      return part(x);
    };
    const auto pixels = random_floats({2, 3, 12, 12}, 9);
    const std::vector<std::int64_t> layers{2, 0};
    const auto states = tower.hidden_states(pixels, layers);
    EXPECT_EQ(runs, 2);
    ASSERT_EQ(states.size(), 2U);
    EXPECT_EQ(states[0].sizes(), (std::vector<std::int64_t>{2, clip ? 10 : 9, 24}));
    for (std::int64_t i = 0; i < 2; ++i) {
      const auto one = pixels.slice(0, i, i + 1);
      EXPECT_LT(difference(tower.hidden_states(one, 2)[0], states[0][i]), 1e-5);
      EXPECT_LT(difference(tower.hidden_states(one, 0)[0], states[1][i]), 1e-5);
    }
  }
}

TEST(VisionEncoder, EmbedsPatchesRowByRowBehindTheClassToken) {
  torch::NoGradGuard no_grad;
  NamedEncoder tower(vision(true));
  fill(tower, 5);
  std::map<std::string, torch::Tensor> w;
  Visitor visitor;
  visitor.parameter = [&](const Parameter& parameter) { w[parameter.name] = parameter.floats(); };
  tower.visit(visitor);
  const auto pixels = random_floats({1, 3, 12, 12}, 9);
  std::vector<torch::Tensor> rows{w.at("tower.embeddings.class_embedding")};
  for (int y = 0; y < 3; ++y) {
    for (int x = 0; x < 3; ++x) {
      const auto patch = pixels[0].slice(1, 4 * y, 4 * y + 4).slice(2, 4 * x, 4 * x + 4).flatten();
      rows.push_back(at::mv(w.at("tower.embeddings.patch_embedding.weight").flatten(1), patch));
    }
  }
  const auto embedded = at::stack(rows) + w.at("tower.embeddings.position_embedding.weight");
  const LayerNorm norm{w.at("tower.pre_layrnorm.weight"), w.at("tower.pre_layrnorm.bias"), 1e-5};
  EXPECT_LT(difference(tower.hidden_states(pixels, 0)[0], norm.forward(embedded)), 1e-5);
}

}  // namespace
}  // namespace holisafe::nn
