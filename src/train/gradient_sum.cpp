#include "train/gradient_sum.h"

namespace holisafe::train {

Result<void> sum_gradients(ProcessGroup& group, std::vector<TrainedTensor>& tensors,
                           std::span<double> figures) {
  if (group.rank().world_size == 1) return {};
  const auto head_size = static_cast<std::int64_t>(figures.size() + tensors.size());
  torch::Tensor head = torch::zeros({head_size}, torch::kFloat32);  // figures, then has-gradient flags
  float* values = head.data_ptr<float>();
  std::int64_t size = head_size;
  for (std::size_t i = 0; i < figures.size(); ++i) values[i] = static_cast<float>(figures[i]);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    values[figures.size() + i] = tensors[i].tensor.grad().defined() ? 1.0F : 0.0F;
    size += tensors[i].tensor.numel();
  }
  const torch::Device home = tensors.empty() ? torch::Device(torch::kCPU) : tensors.front().tensor.device();
  torch::Tensor flat = torch::zeros({size}, head.options().device(group.device_for(home)));
  flat.narrow(0, 0, head_size).copy_(head);
  std::int64_t at = head_size;
  for (const TrainedTensor& trained : tensors) {
    const torch::Tensor& gradient = trained.tensor.grad();
    const std::int64_t count = trained.tensor.numel();
    if (gradient.defined()) flat.narrow(0, at, count).copy_(gradient.reshape({-1}));
    at += count;
  }
  HOLISAFE_CHECK(group.all_reduce(flat));
  head.copy_(flat.narrow(0, 0, head_size));
  for (std::size_t i = 0; i < figures.size(); ++i) figures[i] = values[i];
  at = head_size;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    torch::Tensor& tensor = tensors[i].tensor;
    if (values[figures.size() + i] > 0)
      tensor.mutable_grad() = flat.narrow(0, at, tensor.numel()).view(tensor.sizes()).to(tensor.device());
    at += tensor.numel();
  }
  return {};
}

Result<void> sum_counts(ProcessGroup& group, std::span<std::int64_t> counts) {
  if (group.rank().world_size == 1) return {};
  torch::Tensor values = torch::empty({static_cast<std::int64_t>(counts.size())}, torch::kFloat64);
  for (std::size_t i = 0; i < counts.size(); ++i)
    values.data_ptr<double>()[i] = static_cast<double>(counts[i]);
  HOLISAFE_CHECK(group.all_reduce(values));
  for (std::size_t i = 0; i < counts.size(); ++i)
    counts[i] = static_cast<std::int64_t>(values.data_ptr<double>()[i]);
  return {};
}

}  // namespace holisafe::train
