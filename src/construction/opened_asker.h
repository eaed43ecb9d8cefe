// A model that a build asks, opened: behind an API, through its batches, or a checkpoint of ours.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "ask/endpoint.h"
#include "construction/build.h"

namespace holisafe::construction {

/// Movable; one thread at a time.
class OpenedAsker {
 public:
  /// Sends nothing. What was learnt about the endpoint's parameters is in `work` (borrowed), and so is what
  /// will be; `settings.warn` hears of it once. Errors: those of the key, of ask::Endpoint::open() and of
  /// opening a checkpoint; unsupported (a guard where nothing can run one).
  static Result<OpenedAsker> open(const AskerSpec& spec, const BuildSettings& settings, Work& work,
                                  const StopFlag& stop);

  [[nodiscard]] const std::string& name() const { return name_; }
  /// One pass over what is pending. Errors: those of the ledger.
  Result<ask::AskEnd> ask(ask::Ledger& ledger, const ask::OnProgress& progress, const StopFlag& stop);
  /// Faults since the last call.
  Faults take_faults(const Faults& all);

 private:
  std::string name_;
  std::unique_ptr<chat::Answerer> answerer_;
  std::optional<ask::Endpoint> endpoint_;  ///< for batches
  ask::BatchOptions batches_;
  Faults told_;
};

}  // namespace holisafe::construction
