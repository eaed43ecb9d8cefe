// The responder that runs a local checkpoint for `holisafe bench run --model`.
#pragma once

#include <memory>

#include "base/result.h"
#include "runs/responder.h"

namespace holisafe::cli {

/// Loads the model; says on stderr what computes. Each image is read once for all of its questions: the
/// features, the prefix up to its last token and the guard's verdict are shared. Errors: those of
/// open_engine().
Result<std::unique_ptr<runs::Responder>> open_model_responder(runs::ResponderSettings settings);

}  // namespace holisafe::cli
