// What tests of the modules share: weights, distances, and attention written out.
#pragma once

#include <cmath>

#include <gtest/gtest.h>

#include "nn/kernel_test.h"
#include "nn/parameters.h"

namespace holisafe::nn {

inline double difference(const torch::Tensor& a, const torch::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  return (a - b).abs().max().item<double>();
}

template <class Module>
void fill(Module& module, std::uint64_t seed) {
  Visitor visitor;
  visitor.parameter = [&seed](const Parameter& parameter) {
    const auto sizes = parameter.sizes();
    const double inputs = sizes.size() < 2 ? 16.0 : static_cast<double>(sizes.back());
    auto values = random_floats(sizes, ++seed) / std::sqrt(inputs);
    parameter.replace(parameter.name.find("norm") != std::string::npos ? values + 1 : values);
  };
  module.visit(visitor);
}

inline torch::Tensor plain_attention(const torch::Tensor& q, torch::Tensor k, torch::Tensor v,
                                     const torch::Tensor& allowed, double scale) {
  k = k.repeat_interleave(q.size(1) / k.size(1), 1);
  v = v.repeat_interleave(q.size(1) / v.size(1), 1);
  auto scores = at::matmul(q, k.transpose(2, 3)) * scale;
  if (allowed.defined()) scores = scores.masked_fill(allowed.logical_not(), -1e30);
  return at::matmul(at::softmax(scores, -1), v).transpose(1, 2).flatten(2);
}

}  // namespace holisafe::nn
