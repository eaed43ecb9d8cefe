// The decoder of every family: cached, naive and batched passes, and Llama written out.
#include "nn/decoder.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "nn/kv_cache.h"
#include "nn/module_case.h"

namespace holisafe::nn {
namespace {

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

}  // namespace
}  // namespace holisafe::nn
