// The modules against plain formulas, and two paths to one answer.
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "nn/attention.h"
#include "nn/decoder.h"
#include "nn/kv_cache.h"
#include "nn/linear.h"
#include "nn/mask.h"
#include "nn/mlp.h"
#include "nn/norm.h"
#include "nn/rotary.h"
#include "nn/tensor.h"
#include "nn/vision_encoder.h"

namespace holisafe::nn {
namespace {

torch::Tensor random(at::IntArrayRef sizes, std::uint64_t seed) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  return at::randn(sizes, generator, torch::TensorOptions().dtype(torch::kFloat32));
}

double difference(const torch::Tensor& a, const torch::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  return (a - b).abs().max().item<double>();
}

template <class Module>
void fill(Module& module, std::uint64_t seed) {
  Visitor visitor;
  visitor.parameter = [&seed](const Parameter& parameter) {
    const auto sizes = parameter.sizes();
    const double inputs = sizes.size() < 2 ? 16.0 : static_cast<double>(sizes.back());
    auto values = random(sizes, ++seed) / std::sqrt(inputs);
    parameter.replace(parameter.name.find("norm") != std::string::npos ? values + 1 : values);
  };
  module.visit(visitor);
}

// ---- linear, norms, activations

TEST(Linear, AddsItsAdapterAsPeftDoesAndMergesIt) {
  Linear linear{random({5, 7}, 1), random({5}, 2), Lora{random({2, 7}, 3), random({5, 2}, 4), 0.5, 0}};
  const auto x = random({3, 7}, 5);
  const auto plain = at::matmul(x, linear.weight.floats().t()) + linear.bias;
  const auto expected = plain + at::matmul(at::matmul(x, linear.lora->a.t()), linear.lora->b.t()) * 0.5;
  EXPECT_LT(difference(linear.forward(x), expected), 1e-6);
  linear.merge();
  EXPECT_FALSE(linear.lora.has_value());
  EXPECT_LT(difference(linear.forward(x), expected), 1e-5);
}

TEST(Linear, ScalesRowsToTheirMagnitudesAsDoRA) {
  Linear linear{random({5, 7}, 1), random({5}, 2), Lora{random({2, 7}, 3), random({5, 2}, 4), 0.5, 0}};
  linear.lora->magnitude = random({5}, 6).abs() + 0.5;
  linear.lora->row_factors = row_factors(linear.weight.floats(), *linear.lora);
  const auto x = random({3, 7}, 5);
  const auto sum = linear.weight.floats() + at::mm(linear.lora->b, linear.lora->a) * 0.5;
  const auto direction = sum / sum.pow(2).sum(1, true).sqrt();
  const auto expected = at::matmul(x, (direction * linear.lora->magnitude.unsqueeze(1)).t()) + linear.bias;
  EXPECT_LT(difference(linear.forward(x), expected), 1e-5);
  linear.merge();
  EXPECT_LT(difference(linear.forward(x), expected), 1e-5);
}

TEST(Rotary, ScalingStretchesTheContext) {
  using Json = nlohmann::json;
  EXPECT_EQ(stretched_context(nullptr, 4096), 4096);
  EXPECT_EQ(stretched_context(Json{{"rope_type", "linear"}, {"factor", 2.0}}, 4096), 8192);
  EXPECT_EQ(stretched_context(Json{{"type", "dynamic"}, {"factor", 4}}, 100), 400);
  EXPECT_EQ(stretched_context(Json{{"rope_type", "yarn"}, {"factor", 4.0}}, 100), 400);
  // The trained length times the factor, or what the config says if that is more.
  const Json yarn{{"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 32768}};
  EXPECT_EQ(stretched_context(yarn, 32768), 131072);
  EXPECT_EQ(stretched_context(yarn, 131072), 131072);
  EXPECT_EQ(stretched_context(yarn, 200000), 200000);
  EXPECT_EQ(stretched_context(Json{{"rope_type", "llama3"}, {"factor", 8.0}}, 131072), 131072);
  EXPECT_EQ(stretched_context(Json{{"rope_type", "linear"}, {"factor", 0.5}}, 4096), 4096);
  EXPECT_EQ(stretched_context(Json{{"rope_type", "linear"}, {"factor", 1e300}}, 4096), std::int64_t{1} << 40);
}

TEST(Norms, FollowTheirFormulas) {
  const auto x = random({2, 3, 8}, 1);
  const auto weight = random({8}, 2);
  const auto rms = x / at::sqrt(x.square().mean(-1, true) + 1e-6);
  EXPECT_LT(difference(RmsNorm{weight, 1e-6, false}.forward(x), weight * rms), 1e-6);
  EXPECT_LT(difference(RmsNorm{weight, 1e-6, true}.forward(x), (1 + weight) * rms), 1e-6);
  const auto bias = random({8}, 3);
  const auto centred = x - x.mean(-1, true);
  const auto standard = centred / at::sqrt(centred.square().mean(-1, true) + 1e-5);
  EXPECT_LT(difference(LayerNorm{weight, bias, 1e-5}.forward(x), standard * weight + bias), 1e-5);
}

TEST(Norms, RoundToTheInputsTypeBeforeLlamasWeight) {
  const auto x = random({4, 8}, 1).to(torch::kBFloat16);
  const auto weight = random({8}, 2).to(torch::kBFloat16);
  const auto wide = x.to(torch::kFloat32);
  const auto normed = (wide * at::rsqrt(wide.square().mean(-1, true) + 1e-6)).to(torch::kBFloat16);
  const auto y = RmsNorm{weight, 1e-6, false}.forward(x);
  EXPECT_EQ(y.scalar_type(), torch::kBFloat16);
  EXPECT_TRUE(at::equal(y, normed * weight));
}

TEST(Activations, AreThoseTheirNamesSay) {
  const auto x = random({100}, 1) * 3;
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

// ---- rotary

TEST(Rotary, TurnsPairsOfHalvesByTheirAngles) {
  const auto rotary = make_rotary(6, 100.0, nullptr);
  ASSERT_TRUE(rotary);
  const auto positions = torch::tensor({0, 1, 5}, torch::kInt64).view({1, 1, 3});
  const auto [cos, sin] = rotary->angles(positions);
  const auto x = random({1, 2, 3, 6}, 1);
  const auto y = rotate(x, cos, sin);
  for (int t = 0; t < 3; ++t) {
    for (int i = 0; i < 3; ++i) {
      const double angle = positions.view({-1})[t].item<double>() / std::pow(100.0, 2.0 * i / 6);
      const double a = x[0][1][t][i].item<double>();
      const double b = x[0][1][t][i + 3].item<double>();
      EXPECT_NEAR(y[0][1][t][i].item<double>(), a * std::cos(angle) - b * std::sin(angle), 1e-5);
      EXPECT_NEAR(y[0][1][t][i + 3].item<double>(), b * std::cos(angle) + a * std::sin(angle), 1e-5);
    }
  }
}

TEST(Rotary, LinearDividesFrequencies) {
  const auto plain = make_rotary(8, 1e4, nullptr);
  const auto scaled = make_rotary(8, 1e4, {{"type", "linear"}, {"factor", 4.0}});
  ASSERT_TRUE(plain && scaled);
  EXPECT_LT(difference(scaled->inverse_frequencies, plain->inverse_frequencies / 4), 1e-9);
}

TEST(Rotary, DynamicIsPlainUpToTheTrainedLengthAndStretchesBeyond) {
  const auto plain = make_rotary(8, 1e4, nullptr);
  const auto scaled = make_rotary(8, 1e4, {{"rope_type", "dynamic"}, {"factor", 2.0}}, 16);
  ASSERT_TRUE(plain && scaled);
  const auto positions = [](std::int64_t count) { return at::arange(count, torch::kInt64).view({1, 1, -1}); };
  EXPECT_TRUE(at::equal(scaled->angles(positions(16)).first, plain->angles(positions(16)).first));
  // Twice the trained length: base x (2 x 2 - 1)^(8 / 6).
  const auto stretched = make_rotary(8, 1e4 * std::pow(3.0, 8.0 / 6.0), nullptr);
  EXPECT_LT(difference(scaled->angles(positions(32)).first, stretched->angles(positions(32)).first), 1e-5);
}

TEST(Rotary, Llama3KeepsHighFrequenciesAndDividesLowOnes) {
  const auto plain = make_rotary(64, 5e5, nullptr);
  const auto scaled = make_rotary(64, 5e5,
                                  {{"rope_type", "llama3"},
                                   {"factor", 8.0},
                                   {"low_freq_factor", 1.0},
                                   {"high_freq_factor", 4.0},
                                   {"original_max_position_embeddings", 8192}});
  ASSERT_TRUE(plain && scaled);
  const auto ratio = plain->inverse_frequencies / scaled->inverse_frequencies;
  EXPECT_NEAR(ratio[0].item<double>(), 1, 1e-6);
  EXPECT_NEAR(ratio[31].item<double>(), 8, 1e-5);
  EXPECT_TRUE(((ratio >= 0.9999) & (ratio <= 8.0001)).all().item<bool>());
}

TEST(Rotary, YarnKeepsHighFrequenciesDividesLowOnesAndScalesAttention) {
  const nlohmann::json scaling{
      {"rope_type", "yarn"}, {"factor", 4.0}, {"original_max_position_embeddings", 2048}};
  const auto plain = make_rotary(64, 1e4, nullptr);
  const auto scaled = make_rotary(64, 1e4, scaling);
  ASSERT_TRUE(plain && scaled);
  const auto ratio = plain->inverse_frequencies / scaled->inverse_frequencies;
  EXPECT_NEAR(ratio[0].item<double>(), 1, 1e-6);
  EXPECT_NEAR(ratio[31].item<double>(), 4, 1e-5);
  EXPECT_NEAR(scaled->attention_factor, 0.1 * std::log(4.0) + 1, 1e-12);
}

TEST(Rotary, UnknownKindsAndMissingNumbersAreErrors) {
  EXPECT_EQ(make_rotary(8, 1e4, {{"type", "longrope"}}).error().kind, ErrorKind::unsupported);
  EXPECT_EQ(make_rotary(8, 1e4, {{"type", "linear"}}).error().kind, ErrorKind::missing);
  EXPECT_EQ(make_rotary(8, 1e4, {{"type", "dynamic"}, {"factor", 2.0}}).error().kind, ErrorKind::missing);
  EXPECT_EQ(make_rotary(8, 1e4, {{"type", "yarn"}, {"factor", 2.0}}).error().kind, ErrorKind::missing);
}

TEST(Rotary, SectionsTakeTheirAnglesFromTheirOwnPositions) {
  const auto rotary = make_rotary(8, 1e4, {{"type", "mrope"}, {"mrope_section", {2, 1, 1}}});
  const auto plain = make_rotary(8, 1e4, nullptr);
  ASSERT_TRUE(rotary && plain);
  const auto positions = torch::tensor({3, 7, 11}, torch::kInt64).view({3, 1, 1});
  const auto cos = rotary->angles(positions).first.view({-1});
  const std::vector<std::int64_t> from{3, 3, 7, 11};
  for (std::int64_t i = 0; i < 4; ++i) {
    const auto at = torch::tensor({from[static_cast<std::size_t>(i)]}, torch::kInt64).view({1, 1, 1});
    EXPECT_FLOAT_EQ(cos[i].item<float>(), plain->angles(at).first.view({-1})[i].item<float>());
  }
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

torch::Tensor plain_attention(const torch::Tensor& q, torch::Tensor k, torch::Tensor v,
                              const torch::Tensor& allowed, double scale) {
  k = k.repeat_interleave(q.size(1) / k.size(1), 1);
  v = v.repeat_interleave(q.size(1) / v.size(1), 1);
  auto scores = at::matmul(q, k.transpose(2, 3)) * scale;
  if (allowed.defined()) scores = scores.masked_fill(allowed.logical_not(), -1e30);
  return at::matmul(at::softmax(scores, -1), v).transpose(1, 2).flatten(2);
}

TEST(Attention, EqualsSoftmaxOverGroupedHeads) {
  const auto k = random({2, 2, 5, 8}, 2);
  const auto v = random({2, 2, 5, 8}, 3);
  const auto causal = at::ones({5, 5}, torch::kBool).tril();
  const auto q = random({2, 6, 5, 8}, 1);
  EXPECT_LT(difference(attention(q, k, v, {{}, true}, 0.3), plain_attention(q, k, v, causal, 0.3)), 1e-5);
  EXPECT_LT(difference(attention(q, k, v, {causal, true}, 0.3), plain_attention(q, k, v, causal, 0.3)), 1e-5);
  EXPECT_LT(difference(attention(q, k, v, {{}, false}, 0.3), plain_attention(q, k, v, {}, 0.3)), 1e-5);
  const auto one = random({2, 6, 1, 8}, 4);
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

// ---- decoder

DecoderConfig llama(const nlohmann::json& scaling = nullptr, std::int64_t trained = 0) {
  DecoderConfig config;
  config.hidden_size = 32;
  config.intermediate_size = 48;
  config.num_layers = 3;
  config.num_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = 8;
  config.vocab_size = 50;
  config.attention_scale = 1 / std::sqrt(8.0);
  config.rotary_global = *make_rotary(8, 1e4, scaling, trained);
  return config;
}

DecoderConfig gemma() {
  DecoderConfig config = llama();
  config.activation = Activation::gelu_tanh;
  config.embedding_scale = std::sqrt(32.0);
  config.qk_norm = config.unit_offset_norm = config.sandwich_norms = config.tie_embeddings = true;
  config.sliding = {true, false, true};
  config.sliding_window = 4;
  config.rotary_local = *make_rotary(8, 100, nullptr);
  return config;
}

DecoderConfig qwen() {
  DecoderConfig config = llama();
  config.qkv_bias = true;
  return config;
}

torch::Tensor positions_of(std::int64_t begin, std::int64_t end) {
  return at::arange(begin, end, torch::kInt64).view({1, 1, -1});
}

class Decoders : public testing::TestWithParam<DecoderConfig (*)()> {};

torch::Tensor some_ids(std::int64_t count, std::int64_t seed) {
  return at::remainder(at::arange(count, torch::kInt64) * 17 + seed, 50).unsqueeze(0);
}

TEST_P(Decoders, CachedEqualsNaiveEqualsBatched) {
  torch::NoGradGuard no_grad;
  Decoder decoder(GetParam()());
  fill(decoder, 7);
  const auto ids = some_ids(11, 3);
  const auto all = decoder.forward({decoder.embed(ids), positions_of(0, 11), {}, {}});

  KvCache cache(3);
  std::vector<torch::Tensor> parts;
  std::int64_t done = 0;
  for (const std::int64_t step : {6, 1, 3, 1}) {
    parts.push_back(decoder.forward(
        {decoder.embed(ids.slice(1, done, done + step)), positions_of(done, done + step), {}, {}}, &cache));
    done += step;
  }
  EXPECT_LT(difference(at::cat(parts, 1), all), 2e-5);

  // The same beside a sequence of 4, filled up by 7.
  const auto other = ids.slice(1, 2, 6);
  const auto alone = decoder.forward({decoder.embed(other), positions_of(0, 4), {}, {}});
  const auto filled = at::cat({ids, at::cat({other, at::zeros({1, 7}, torch::kInt64)}, 1)}, 0);
  const auto batched =
      decoder.forward({decoder.embed(filled), positions_of(0, 11).expand({1, 2, 11}), {}, {}});
  EXPECT_LT(difference(batched[0], all[0]), 2e-5);
  EXPECT_LT(difference(batched[1].slice(0, 0, 4), alone[0]), 2e-5);
}

TEST_P(Decoders, WhatNobodyReadsChangesNothing) {
  torch::NoGradGuard no_grad;
  Decoder decoder(GetParam()());
  fill(decoder, 7);
  const auto ids = some_ids(11, 3);
  KvCache whole(3);
  const auto first = decoder.forward({decoder.embed(ids.slice(1, 0, 6)), positions_of(0, 6), {}, {}}, &whole);
  const auto rest = decoder.forward({decoder.embed(ids.slice(1, 6)), positions_of(6, 11), {}, {}}, &whole);
  KvCache sparse(3);
  const auto none = decoder.forward(
      {decoder.embed(ids.slice(1, 0, 6)), positions_of(0, 6), {}, at::empty({0}, torch::kInt64)}, &sparse);
  EXPECT_EQ(none.size(1), 0);
  const auto read = torch::tensor({1, 3, 4}, torch::kInt64);
  const auto some = decoder.forward({decoder.embed(ids.slice(1, 6)), positions_of(6, 11), {}, read}, &sparse);
  EXPECT_LT(difference(some, rest.index_select(1, read)), 2e-5);
  EXPECT_TRUE(at::equal(sparse.joined(2).keys.slice(2, 0, 6), whole.joined(2).keys.slice(2, 0, 6)));
  // Images see themselves, whoever reads.
  const auto group = torch::tensor({-1, 0, 0, 0, -1, 1}, torch::kInt64).unsqueeze(0);
  const auto seen = decoder.forward({decoder.embed(ids.slice(1, 0, 6)), positions_of(0, 6), group, {}});
  const auto two = torch::tensor({2, 5}, torch::kInt64);
  const auto picked = decoder.forward({decoder.embed(ids.slice(1, 0, 6)), positions_of(0, 6), group, two});
  EXPECT_LT(difference(picked, seen.index_select(1, two)), 2e-5);
  EXPECT_GT(difference(seen, first), 1e-4);
}

/// Sequences of several lengths, some after one prefix: each row has the bits that it has alone, and they are
/// those of passes over pieces but for rounding.
TEST_P(Decoders, RowsThatDecodeTogetherAreTheirOwn) {
  torch::NoGradGuard no_grad;
  for (const auto type : {torch::kFloat32, torch::kBFloat16}) {
    Decoder decoder(GetParam()());
    fill(decoder, 7);
    Visitor visitor;
    visitor.parameter = [type](const Parameter& parameter) {
      parameter.replace(parameter.floats().to(type));
    };
    decoder.visit(visitor);
    const auto read = [&](KvCache& cache, std::int64_t begin, std::int64_t end, std::int64_t seed) {
      return decoder.forward(
          {decoder.embed(some_ids(end, seed).slice(1, begin)), positions_of(begin, end), {}, {}}, &cache);
    };
    const auto prefix = std::make_shared<KvCache>(3, 7);
    read(*prefix, 0, 7, 1);
    const auto sequences = [&] {
      std::vector<KvCache> out;
      for (std::int64_t i = 0; i < 5; ++i) {
        const bool shares = i % 2 == 0;
        out.push_back(shares ? KvCache::after(prefix, 9) : KvCache(3));
        read(out.back(), shares ? 7 : 0, 8 + i, i);
      }
      return out;
    };
    const auto step = [&](std::span<KvCache> caches, std::int64_t first) {
      std::vector<KvCache*> pointers;
      std::vector<std::int64_t> places;
      std::vector<std::int64_t> ids;
      for (KvCache& cache : caches) {
        ids.push_back((13 * (first + static_cast<std::int64_t>(pointers.size())) + cache.length()) % 50);
        places.push_back(cache.length());
        pointers.push_back(&cache);
      }
      const auto embeddings = decoder.embed(torch::tensor(ids, torch::kInt64));
      return decoder.decode({embeddings, torch::tensor(places, torch::kInt64).unsqueeze(0), pointers});
    };
    auto together = sequences();
    auto apart = sequences();
    auto passes = sequences();
    for (int token = 0; token < 3; ++token) {
      const auto rows = step(together, 0);
      for (std::size_t i = 0; i < apart.size(); ++i) {
        const auto row = static_cast<std::int64_t>(i);
        const auto id = (13 * row + passes[i].length()) % 50;
        const auto place = passes[i].length();
        EXPECT_TRUE(at::equal(rows[row], step(std::span(apart).subspan(i, 1), row)[0])) << i;
        const auto pass = decoder.forward({decoder.embed(torch::tensor({id}, torch::kInt64).unsqueeze(0)),
                                           positions_of(place, place + 1),
                                           {},
                                           {}},
                                          &passes[i]);
        EXPECT_LT(difference(rows[row], pass[0][0]), type == torch::kFloat32 ? 2e-5 : 0.15) << i;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Families, Decoders,
                         testing::Values(
                             +[] { return llama(); }, &gemma, &qwen,
                             +[] {
                               return llama({{"type", "linear"}, {"factor", 2.0}});
                             }));

TEST(Decoder, EqualsLlamaWrittenOut) {
  torch::NoGradGuard no_grad;
  Decoder decoder(llama());
  fill(decoder, 3);
  std::map<std::string, torch::Tensor> w;
  Visitor visitor;
  visitor.parameter = [&](const Parameter& parameter) { w[parameter.name] = parameter.floats(); };
  decoder.visit(visitor);
  const auto ids = torch::tensor({4, 9, 9, 31, 0}, torch::kInt64).unsqueeze(0);
  const auto norm = [&](const torch::Tensor& x, const std::string& name) {
    return x / at::sqrt(x.square().mean(-1, true) + 1e-6) * w.at(name + ".weight");
  };
  auto x = w.at("language_model.embed_tokens.weight").index_select(0, ids[0]).unsqueeze(0);
  const auto [cos, sin] = make_rotary(8, 1e4, nullptr)->angles(positions_of(0, 5));
  for (int i = 0; i < 3; ++i) {
    const std::string layer = fmt::format("language_model.layers.{}.", i);
    const auto project = [&](const torch::Tensor& y, const std::string& name) {
      return at::matmul(y, w.at(layer + name + ".weight").t());
    };
    const auto heads = [&](const torch::Tensor& y) { return y.view({1, 5, -1, 8}).transpose(1, 2); };
    const auto n = norm(x, layer + "input_layernorm");
    x = x + project(plain_attention(rotate(heads(project(n, "self_attn.q_proj")), cos, sin),
                                    rotate(heads(project(n, "self_attn.k_proj")), cos, sin),
                                    heads(project(n, "self_attn.v_proj")),
                                    at::ones({5, 5}, torch::kBool).tril(), 1 / std::sqrt(8.0)),
                    "self_attn.o_proj");
    const auto m = norm(x, layer + "post_attention_layernorm");
    x = x + project(at::silu(project(m, "mlp.gate_proj")) * project(m, "mlp.up_proj"), "mlp.down_proj");
  }
  const auto hidden = decoder.forward({decoder.embed(ids), positions_of(0, 5), {}, {}});
  EXPECT_LT(difference(hidden, norm(x, "language_model.norm")), 1e-5);
  EXPECT_LT(difference(decoder.logits(hidden), at::matmul(hidden, w.at("lm_head.weight").t())), 1e-5);
}

TEST(Decoder, NamesATiedProjectionOnce) {
  Decoder decoder(gemma());
  std::vector<std::string> names;
  Visitor visitor;
  visitor.parameter = [&](const Parameter& parameter) { names.push_back(parameter.name); };
  decoder.visit(visitor);
  EXPECT_EQ(std::count(names.begin(), names.end(), "lm_head.weight"), 0);
  EXPECT_EQ(names.front(), "language_model.embed_tokens.weight");
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
    const auto pixels = random({2, 3, 12, 12}, 9);
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
  const auto pixels = random({1, 3, 12, 12}, 9);
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
