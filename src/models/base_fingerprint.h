// What a guard stands on: the tower, projector and language model whose output it was trained to read.
#pragma once

#include <string>

#include "models/adapter.h"
#include "models/model.h"

namespace holisafe::models {

/// Fingerprint (checkpoint/fingerprint.h) of all weights that visit() names, as the files hold them that they
/// were loaded from, and of what an adapter adds to them; null: none. The same for a checkpoint in one file
/// or many, with or without a guard inside, whatever it computes in. Where `seeing` is given, vision tower
/// and projector are its.
std::string base_fingerprint(Model& model, const Adapter* adapter, Model* seeing = nullptr);

}  // namespace holisafe::models
