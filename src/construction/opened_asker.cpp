#include "construction/opened_asker.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "ask/endpoint_answerer.h"

namespace holisafe::construction {
namespace {

Result<ask::EndpointSettings> endpoint_settings(const AskerSpec& spec, const BuildSettings& settings,
                                                Work& work) {
  const std::string key = "parameters/" + spec.name();
  HOLISAFE_TRY(const auto text, work.value(key));
  HOLISAFE_TRY(ask::Parameters known, ask::Parameters::parse(text.value_or("")));
  known.add(settings.ask.parameters);
  ask::EndpointSettings out;
  out.url = spec.url;
  out.model = spec.model;
  out.request = settings.ask.request;
  out.client = settings.ask.client;
  out.key_header = settings.ask.key_header;
  out.parameters = known;
  out.on_change = [&work, key, name = spec.name(), warn = settings.warn](const ask::ParameterChange& change) {
    // Forgetting it costs one refused request; the asking goes on.
    static_cast<void>(work.put_value(key, change.parameters.text()));
    if (warn) warn(fmt::format("{}: {}", name, change.said));
  };
  if (settings.ask.batch) {
    // Files of up to 100 MB go out, and results of as many rows come in.
    constexpr http::milliseconds long_enough{1'800'000};
    out.client.time_limit = std::max(out.client.time_limit, long_enough);
    out.client.max_body = std::uint64_t{1} << 30;
  }
  return out;
}

Result<std::unique_ptr<chat::Answerer>> open_guard_of(const AskerSpec& spec, const AskSettings& settings,
                                                      const StopFlag& stop) {
  if (!settings.open_guard) {
    return fail(ErrorKind::unsupported, "cannot run a guard", spec.guard_folder,
                "expected a program that can, found one without LibTorch");
  }
  chat::ModelSettings model;
  model.model = spec.guard_folder;
  model.sequences = settings.client.concurrency;
  return settings.open_guard(model, &stop);
}

}  // namespace

Result<OpenedAsker> OpenedAsker::open(const AskerSpec& spec, const BuildSettings& settings, Work& work,
                                      const StopFlag& stop) {
  OpenedAsker out;
  out.name_ = spec.name();
  if (spec.is_guard()) {
    HOLISAFE_TRY(out.answerer_, open_guard_of(spec, settings.ask, stop));
    return out;
  }
  http::Secret key;
  if (settings.ask.key) {
    HOLISAFE_TRY(key, settings.ask.key(*spec.provider));
  }
  HOLISAFE_TRY(auto how, endpoint_settings(spec, settings, work));
  HOLISAFE_TRY(ask::Endpoint endpoint, ask::Endpoint::open(*spec.provider, std::move(how), std::move(key)));
  out.batches_ = settings.ask.batches;
  if (settings.ask.batch) {
    out.endpoint_ = std::move(endpoint);
  } else {
    out.answerer_ = std::make_unique<ask::EndpointAnswerer>(std::move(endpoint));
  }
  return out;
}

Result<ask::AskEnd> OpenedAsker::ask(ask::Ledger& ledger, const ask::OnProgress& progress,
                                     const StopFlag& stop) {
  if (endpoint_) return ask::ask_in_batches(*endpoint_, ledger, batches_, progress, stop);
  return ask::ask_all(*answerer_, ledger, progress, stop);
}

Faults OpenedAsker::take_faults(const Faults& all) {
  Faults out;
  for (const auto member :
       {&Faults::turned_away, &Faults::server, &Faults::timeouts, &Faults::network, &Faults::malformed})
    out.*member = all.*member - told_.*member;
  told_ = all;
  return out;
}

}  // namespace holisafe::construction
