#include "runs/parameter_record.h"

namespace holisafe::runs {

Result<void> ParameterRecord::follow(AnswererSettings& settings) {
  if (settings.provider == nullptr) return {};
  HOLISAFE_TRY(const auto text, store_.value(key_));
  HOLISAFE_TRY(const ask::Parameters known, ask::Parameters::parse(text.value_or("")));
  ask::Parameters& parameters = settings.parameters;
  parameters.add(known);
  settings.on_change = [this](const ask::ParameterChange& change) { keep(change); };
  return parameters == known ? Result<void>() : store_.put_value(key_, parameters.text());
}

void ParameterRecord::keep(const ask::ParameterChange& change) {
  const auto written = store_.put_value(key_, change.parameters.text());
  if (!written && !failed_) failed_ = written.error();
  if (warn_) warn_(change.said);
}

Result<void> ParameterRecord::kept() const {
  if (failed_) return fail(*failed_);
  return {};
}

}  // namespace holisafe::runs
