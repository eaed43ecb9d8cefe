#include "train/gradient_sum.h"

namespace holisafe::train {

Result<void> sum_gradients(ProcessGroup& group, std::vector<TrainedTensor>& tensors,
                           std::span<double> figures) {
  if (group.rank().world_size == 1) return {};
  const auto head = static_cast<std::int64_t>(figures.size() + tensors.size());
  std::int64_t size = head;
  for (const auto& trained : tensors) size += trained.tensor.numel();
  torch::Tensor flat = torch::zeros({size}, torch::kFloat32);  // figures, has-gradient flags, gradients
  float* values = flat.data_ptr<float>();
  for (std::size_t i = 0; i < figures.size(); ++i) values[i] = static_cast<float>(figures[i]);
  std::int64_t at = head;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const torch::Tensor& gradient = tensors[i].tensor.grad();
    const std::int64_t count = tensors[i].tensor.numel();
    if (gradient.defined()) {
      values[figures.size() + i] = 1;
      flat.narrow(0, at, count).copy_(gradient.reshape({-1}));
    }
    at += count;
  }
  HOLISAFE_CHECK(group.all_reduce(flat));
  for (std::size_t i = 0; i < figures.size(); ++i) figures[i] = values[i];
  at = head;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    torch::Tensor& tensor = tensors[i].tensor;
    if (values[figures.size() + i] > 0) {
      const auto summed = flat.narrow(0, at, tensor.numel()).view(tensor.sizes());
      tensor.mutable_grad() = tensor.is_cpu() ? summed : summed.to(tensor.device());
    }
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
