#include "nn/parameters.h"

#include <utility>

namespace holisafe::nn {
namespace {

template <class... Visits>
struct Either : Visits... {
  using Visits::operator()...;
};
template <class... Visits>
Either(Visits...) -> Either<Visits...>;

}  // namespace

std::vector<std::int64_t> Parameter::sizes() const {
  return std::visit(Either{[](const torch::Tensor* tensor) { return tensor->sizes().vec(); },
                           [](const Matrix* matrix) {
                             return std::vector<std::int64_t>{matrix->rows(), matrix->columns()};
                           }},
                    weight);
}

std::int64_t Parameter::count() const {
  return std::visit(Either{[](const torch::Tensor* tensor) { return tensor->numel(); },
                           [](const Matrix* matrix) { return matrix->rows() * matrix->columns(); }},
                    weight);
}

std::uint64_t Parameter::bytes() const {
  return std::visit(Either{[](const torch::Tensor* tensor) { return std::uint64_t{tensor->nbytes()}; },
                           [](const Matrix* matrix) { return matrix->bytes(); }},
                    weight);
}

torch::Tensor Parameter::floats() const {
  return std::visit(Either{[](const torch::Tensor* tensor) { return *tensor; },
                           [](const Matrix* matrix) { return matrix->floats(); }},
                    weight);
}

torch::Tensor Parameter::float_copy() const {
  return std::visit(Either{[](const torch::Tensor* tensor) { return nn::float_copy(*tensor); },
                           [](const Matrix* matrix) { return matrix->float_copy(); }},
                    weight);
}

void Parameter::replace(torch::Tensor values) const {
  std::visit([&values](auto* place) { *place = std::move(values); }, weight);
}

}  // namespace holisafe::nn
