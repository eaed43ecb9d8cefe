// What a run of training changed beside its adapter: the adapter alone is not the whole model then, and names
// it, each part with the fingerprint of its trained weights (AdapterConfig::trained_beside).
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/adapter.h"
#include "models/model.h"
#include "nn/tensor.h"

namespace holisafe::models {

/// As adapter_config.json names a part: "vision", "projector", "language", "guard".
std::string part_name(nn::Part part);

/// Fingerprint (checkpoint/fingerprint.h) of weights by canonical name, in the type that files hold them in.
std::string weights_fingerprint(const std::map<std::string, torch::Tensor>& weights);

/// The same of all weights of a part that visit() names, in the types of the files they were loaded from.
/// Errors: unsupported (a type that holds no weights).
Result<std::string> part_fingerprint(nn::Part part, Model& model);

/// One sentence that names the parts which an adapter was trained beside and which are others here, "" where
/// there is none. `guard` is the fingerprint of the guard in use; empty: none is. Errors: unsupported.
Result<std::string> missing_beside(const Adapter& adapter, Model& model, const std::string& guard);

}  // namespace holisafe::models
