#include "benchmarks/published_guards.h"

namespace holisafe::benchmarks {

std::span<const metrics::PublishedScore> published_guards() {
  static const std::vector<metrics::PublishedScore> rows = {
      {"Llama-Guard-4-12B", {0.029, 0.076, 0.333, 0.043}},
      {"Llama-Guard-3-11B-Vision", {0.174, 0.276, 0.303, 0.253}},
      {"LLaVAGuard-7B", {0.500, 0.656, 0.904, 0.534}},
      {"ShieldGemma2-4B-IT", {0.734, 0.483, 0.645, 0.420}},
      {"SafeLLaVA-7B", {0.870, 0.921, 0.970, 0.878}},
  };
  return rows;
}

}  // namespace holisafe::benchmarks
