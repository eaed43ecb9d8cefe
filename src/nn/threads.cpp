#include "nn/threads.h"

#include <algorithm>

#include <ATen/Parallel.h>
#include <ATen/TensorIterator.h>

#include "nn/tensor.h"

namespace holisafe::nn {

// Through an iterator over one element a thread: at::parallel_for is a template that runs on one thread
// wherever the program itself is not compiled with OpenMP, which would bring a second runtime; an iterator's
// loop is the library's own.
void on_threads(std::int64_t count, std::int64_t threads, c10::function_ref<void(Tasks&)> work) {
  Tasks tasks(count);
  const std::int64_t most = std::min({threads, count, static_cast<std::int64_t>(at::get_num_threads())});
  if (most <= 1) {
    work(tasks);
    return;
  }
  const auto line = at::empty({most}, torch::TensorOptions().device(torch::kCPU).dtype(torch::kUInt8));
  auto elements = at::TensorIterator::borrowing_nullary_op(line);
  const auto loop = [&](char**, const std::int64_t*, std::int64_t, std::int64_t) { work(tasks); };
  elements.for_each(at::TensorIteratorBase::loop2d_t(loop), /*grain_size=*/1);
}

}  // namespace holisafe::nn
