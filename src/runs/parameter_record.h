// What a run, or a judge of it, has learnt about parameters that its model does not take: kept in the store,
// so that the next command begins with it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runs/answerers.h"
#include "store/run_store.h"

namespace holisafe::runs {

/// Lives while the answerer asks.
class ParameterRecord {
 public:
  /// `scope`: "run", or a judge's name. The stores, which one answerer serves, are borrowed. `warn` may be
  /// empty.
  ParameterRecord(std::vector<store::RunStore*> stores, const std::string& scope,
                  std::function<void(const std::string&)> warn)
      : stores_(std::move(stores)), key_("parameters/" + scope), warn_(std::move(warn)) {}

  /// Adds to the settings' parameters what is known, keeps them, and hears of changes from then on. Errors:
  /// those of the store; malformed (a record that is none).
  Result<void> follow(AnswererSettings& settings);
  /// Whether all of it was kept.
  [[nodiscard]] Result<void> kept() const;

 private:
  void keep(const ask::ParameterChange& change);

  std::vector<store::RunStore*> stores_;
  std::string key_;
  std::function<void(const std::string&)> warn_;
  std::optional<Error> failed_;
};

}  // namespace holisafe::runs
