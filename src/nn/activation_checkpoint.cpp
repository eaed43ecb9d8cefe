#include "nn/activation_checkpoint.h"

#include <mutex>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/custom_function.h>

namespace holisafe::nn {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Recomputed = std::function<Tensor(const Tensor&)>;

at::Generator default_generator(torch::Device device) { return at::globalContext().defaultGenerator(device); }

Tensor random_state(torch::Device device) {
  auto generator = default_generator(device);
  std::scoped_lock lock(generator.mutex());
  return generator.get_state();
}

void set_random_state(torch::Device device, const Tensor& state) {
  auto generator = default_generator(device);
  std::scoped_lock lock(generator.mutex());
  generator.set_state(state);
}

/// What the first run had and the second must have again.
struct Surroundings {
  torch::Device device;
  Tensor generator;
  bool autocast;
  at::ScalarType autocast_type;

  static Surroundings now(torch::Device device) {
    return {device, random_state(device), at::autocast::is_autocast_enabled(device.type()),
            at::autocast::get_autocast_dtype(device.type())};
  }
  void restore() const {
    set_random_state(device, generator);
    at::autocast::set_autocast_enabled(device.type(), autocast);
    at::autocast::set_autocast_dtype(device.type(), autocast_type);
  }
};

struct Saved : torch::CustomClassHolder {
  Saved(Recomputed saved_part, Surroundings saved_surroundings)
      : part(std::move(saved_part)), surroundings(std::move(saved_surroundings)) {}
  Recomputed part;
  Surroundings surroundings;
};

struct Recompute : torch::autograd::Function<Recompute> {
  static Tensor forward(AutogradContext* context, const Tensor& input, const Tensor& anchor,
                        const Recomputed& part) {
    (void)anchor;  // requires grad, so that the backward pass comes here whatever `input` requires
    context->saved_data["saved"] =
        c10::IValue::make_capsule(c10::make_intrusive<Saved>(part, Surroundings::now(input.device())));
    context->save_for_backward({input});
    torch::NoGradGuard no_grad;
    return part(input.detach());
  }

  static variable_list backward(AutogradContext* context, variable_list outputs) {
    const auto capsule = context->saved_data["saved"].toCapsule();
    const auto& saved = static_cast<const Saved&>(*capsule);
    const Tensor input = context->get_saved_variables()[0];
    const Surroundings now = Surroundings::now(input.device());
    saved.surroundings.restore();
    torch::AutoGradMode with_grad(true);
    const Tensor again = input.detach().set_requires_grad(input.requires_grad());
    const Tensor output = saved.part(again);
    now.restore();
    if (output.requires_grad()) output.backward(outputs[0]);
    return {again.grad(), Tensor(), Tensor()};
  }
};

}  // namespace

Tensor checkpointed(const Recomputed& part, const Tensor& input) {
  if (!torch::GradMode::is_enabled()) return part(input);
  const Tensor anchor = torch::empty({0}, input.options()).requires_grad_();
  return Recompute::apply(input, anchor, part);
}

}  // namespace holisafe::nn
