#include "runs/parameter_record.h"

namespace holisafe::runs {

Result<void> ParameterRecord::follow(AnswererSettings& settings) {
  if (settings.provider == nullptr) return {};
  ask::Parameters& parameters = settings.parameters;
  std::vector<ask::Parameters> known;
  for (const store::RunStore* store : stores_) {
    HOLISAFE_TRY(const auto text, store->value(key_));
    HOLISAFE_TRY(known.emplace_back(), ask::Parameters::parse(text.value_or("")));
    parameters.add(known.back());
  }
  settings.on_change = [this](const ask::ParameterChange& change) { keep(change); };
  for (std::size_t i = 0; i < stores_.size(); ++i) {
    if (!(parameters == known[i])) HOLISAFE_CHECK(stores_[i]->put_value(key_, parameters.text()));
  }
  return {};
}

void ParameterRecord::keep(const ask::ParameterChange& change) {
  for (store::RunStore* store : stores_) {
    const auto written = store->put_value(key_, change.parameters.text());
    if (!written && !failed_) failed_ = written.error();
  }
  if (warn_) warn_(change.said);
}

Result<void> ParameterRecord::kept() const {
  if (failed_) return fail(*failed_);
  return {};
}

}  // namespace holisafe::runs
