#include "models/model.h"

#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "base/file.h"
#include "models/guard_keys.h"
#include "models/weights.h"

namespace holisafe::models {
namespace {

/// Whether files hold an output projection that is another matrix than the embedding.
bool has_own_head(const std::map<std::string, checkpoint::TensorView>& tensors,
                  const checkpoint::NameRules& rules) {
  const checkpoint::TensorView* head = nullptr;
  const checkpoint::TensorView* embedding = nullptr;
  for (const auto& [name, view] : tensors) {
    const std::string canonical = checkpoint::canonical_name(name, rules);
    if (canonical == nn::head_name) head = &view;
    if (canonical == nn::embedding_name) embedding = &view;
  }
  if (head == nullptr || embedding == nullptr) return false;
  const bool same = head->dtype == embedding->dtype && head->bytes.size() == embedding->bytes.size() &&
                    std::memcmp(head->bytes.data(), embedding->bytes.data(), head->bytes.size()) == 0;
  if (same) release_pages(head->bytes);
  return !same;
}

/// How to load a matrix that may stay as it is stored.
LoadOptions for_matrix(const checkpoint::TensorView& view, LoadOptions options) {
  const bool wanted = options.stored_matrices && options.device.is_cpu() && options.dtype == torch::kFloat32;
  if (wanted && view.dtype == checkpoint::DType::f16) options.dtype = torch::kFloat16;
  if (wanted && view.dtype == checkpoint::DType::bf16) options.dtype = torch::kBFloat16;
  return options;
}

}  // namespace

std::int64_t ProcessedImage::tokens() const {
  return std::accumulate(piece_tokens.begin(), piece_tokens.end(), std::int64_t{0});
}

Model::Model(ModelInfo info, tokenizer::Tokenizer tokenizer, nn::DecoderConfig decoder)
    : info_(std::move(info)), tokenizer_(std::move(tokenizer)), decoder_(std::move(decoder)) {}

Model::~Model() = default;

void Model::visit(nn::Visitor visitor) {
  visit_vision(visitor);
  visitor.part = nn::Part::language;
  decoder_.visit(visitor);
}

void Model::set_layer_hook(const nn::LayerHook& hook) {
  hook_vision(hook);
  decoder_.layer_hook = hook;
}

std::string Model::file_name(const std::string& canonical) const {
  const auto* found = source(canonical);
  return found == nullptr ? canonical : found->name;
}

const checkpoint::TensorView* Model::source(const std::string& canonical) const {
  const auto found = sources_.find(canonical);
  return found == sources_.end() ? nullptr : &found->second;
}

std::vector<torch::Tensor> Model::encode_images(std::span<const ProcessedImage> images) const {
  std::vector<torch::Tensor> features;
  for (const ProcessedImage& image : images) features.push_back(encode_image(image));
  return features;
}

Result<void> Model::load_weights(const std::map<std::string, checkpoint::TensorView>& tensors,
                                 const checkpoint::NameRules& rules, const std::string& where,
                                 const LoadOptions& options) {
  auto own = tensors;
  std::erase_if(own,
                [](const auto& entry) { return entry.first.find(guard_keys::head) != std::string::npos; });
  if (decoder_.config().tie_embeddings && has_own_head(own, rules)) decoder_.untie();
  auto specs = tensor_specs([this](const nn::Visitor& visitor) { visit(visitor); });
  const nn::DecoderConfig& text = decoder_.config();
  // Some writers store a tied output projection all the same: the embedding once more.
  if (text.tie_embeddings)
    specs.push_back({std::string(nn::head_name), {text.vocab_size, text.hidden_size}, true});
  HOLISAFE_TRY(const auto matched, checkpoint::match(specs, own, rules, where));
  Result<void> outcome;
  nn::Visitor visitor;
  visitor.parameter = [&](const nn::Parameter& parameter) {
    if (!outcome) return;
    const checkpoint::TensorView& view = matched.at(parameter.name);
    auto tensor = weight(view, parameter.is_matrix() ? for_matrix(view, options) : options);
    if (!tensor) {
      outcome = fail(tensor.error());
      return;
    }
    parameter.replace(*std::move(tensor));
    sources_[parameter.name] = view;
  };
  visit(visitor);
  HOLISAFE_CHECK(outcome);
  options_ = options;
  return {};
}

void Model::untie() {
  if (!decoder_.config().tie_embeddings) return;
  torch::Tensor embedding;
  nn::Visitor reader;
  reader.parameter = [&embedding](const nn::Parameter& parameter) {
    if (parameter.name == nn::embedding_name) embedding = parameter.floats();
  };
  visit(reader);
  decoder_.untie();
  nn::Visitor writer;
  writer.parameter = [&](const nn::Parameter& parameter) {
    if (parameter.name == nn::head_name) parameter.replace(embedding.to(device(), dtype()).clone());
  };
  visit(writer);
}

Result<void> Model::replace(const std::map<std::string, torch::Tensor>& weights) {
  std::map<std::string, std::vector<std::int64_t>> shapes;
  for (const auto& spec : tensor_specs([this](const nn::Visitor& visitor) { visit(visitor); }))
    shapes[spec.name] = spec.shape;
  for (const auto& [name, tensor] : weights) {
    const auto shape = shapes.find(name);
    if (shape == shapes.end())
      return fail(ErrorKind::mismatch, "cannot replace weight", name, "the model has no such weight");
    if (tensor.sizes().vec() != shape->second) {
      return fail(ErrorKind::mismatch, "cannot replace weight", name,
                  "expected " + checkpoint::shape_text(shape->second) + ", found " +
                      checkpoint::shape_text(tensor.sizes()));
    }
  }
  nn::Visitor visitor;
  visitor.parameter = [&](const nn::Parameter& parameter) {
    const auto found = weights.find(parameter.name);
    if (found == weights.end()) return;
    parameter.replace(found->second.to(device(), dtype()));
    replaced_.insert(parameter.name);
  };
  visit(visitor);
  return {};
}

void Model::randomize(std::uint64_t seed, torch::ScalarType dtype) {
  nn::Visitor visitor;
  visitor.parameter = [&](const nn::Parameter& parameter) {
    parameter.replace(random_weight(parameter.name, parameter.sizes(), seed, dtype));
  };
  visit(visitor);
  options_.dtype = dtype;
}

}  // namespace holisafe::models
