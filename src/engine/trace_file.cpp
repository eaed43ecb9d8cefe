#include "engine/trace_file.h"

#include <string>
#include <utility>
#include <vector>

#include "checkpoint/safetensors.h"
#include "models/weights.h"

namespace holisafe::engine {

Result<void> write(const Trace& trace, const std::filesystem::path& file) {
  std::vector<checkpoint::TensorSource> sources;
  const auto add = [&sources](const std::string& name, const torch::Tensor& tensor) {
    if (tensor.defined()) sources.push_back(models::source_of(name, tensor));
  };
  add("input_ids", trace.input_ids);
  add("pixel_values", trace.pixel_values);
  add("image_grid_thw", trace.image_grid_thw);
  add("image_features", trace.image_features);
  add("hidden_states", trace.hidden_states);
  add("logits", trace.logits);
  add("guard_logits", trace.guard_logits);
  return checkpoint::write_safetensors(file, std::move(sources), {{"format", "pt"}},
                                       checkpoint::FileOf::user);
}

}  // namespace holisafe::engine
