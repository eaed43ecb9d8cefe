#include "checkpoint/quantisation.h"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

namespace holisafe::checkpoint {
namespace {

using Json = nlohmann::json;

/// What a quantisation's object calls its method. bitsandbytes did not always name itself.
std::string method_of(const Json& quantisation) {
  const auto named = quantisation.find("quant_method");
  if (named != quantisation.end() && named->is_string()) return named->get<std::string>();
  for (const char* key : {"load_in_4bit", "load_in_8bit"}) {
    if (const auto found = quantisation.find(key); found != quantisation.end() && *found == Json(true))
      return "bitsandbytes";
  }
  return "not said";
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 11> name_ends{
    {{".g_idx", "gptq"},
     {".qweight", "awq or gptq"},
     {".qzeros", "awq or gptq"},
     {".absmax", "bitsandbytes"},
     {".nested_absmax", "bitsandbytes"},
     {".quant_map", "bitsandbytes"},
     {".SCB", "bitsandbytes"},
     {"_scale_inv", "fp8"},
     {".weight_scale", "fp8 or compressed-tensors"},
     {".weight_packed", "compressed-tensors"},
     {".quant_state.bitsandbytes__nf4", "bitsandbytes"}}};

}  // namespace

Result<void> refuse_quantised(const Json& config, const std::string& where) {
  for (const Json* holder : {&config, config.contains("text_config") ? &config["text_config"] : nullptr}) {
    if (holder == nullptr || !holder->is_object()) continue;
    for (const char* key : {"quantization_config", "compression_config"}) {
      const auto found = holder->find(key);
      if (found == holder->end() || !found->is_object() || found->empty()) continue;
      return fail(ErrorKind::unsupported, "cannot use a quantised checkpoint", where + ": " + key,
                  "expected weights of 16 or 32 bits, found quant_method " + method_of(*found));
    }
  }
  return {};
}

std::string_view quantisation_of_name(std::string_view tensor) {
  for (const auto& [end, method] : name_ends) {
    if (tensor.ends_with(end)) return method;
  }
  return {};
}

}  // namespace holisafe::checkpoint
