// The answerer behind a provider's API.
#include "ask/endpoint_answerer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/hash.h"
#include "runs/answerers.h"

namespace holisafe::runs {
namespace {

bool chosen(const AnswererSettings& settings) { return settings.provider != nullptr; }

Result<ask::Json> request_members(const AnswererSettings& settings) {
  if (settings.request_json.empty()) return ask::Json::object();
  return ask::read_request_json(settings.request_json);
}

/// Members in another order are the same members.
std::string hash_of(const ask::Json& members) {
  return members.empty() ? std::string() : hex(sha256(nlohmann::json(members).dump()));
}

Result<store::Identity> identity(const AnswererSettings& settings) {
  if (!settings.local.guard.empty() || !settings.local.adapter.empty()) {
    return fail(ErrorKind::usage, "flag does not go with --endpoint",
                settings.local.guard.empty() ? "--adapter" : "--guard", "expected --model");
  }
  if (settings.api_model.empty()) {
    return fail(ErrorKind::usage, "no model", "--api-model",
                "expected the model's name at the endpoint, found nothing");
  }
  HOLISAFE_CHECK(ask::address_of(*settings.provider, settings.url));
  HOLISAFE_TRY(const ask::Json members, request_members(settings));
  return store::Identity{{"model", settings.api_model},
                         {"api", std::string(settings.provider->name)},
                         {"request-json", hash_of(members)}};
}

Result<Asker> open(AnswererSettings settings, const StopFlag& /*stop*/) {
  const bool batch = settings.batch;
  const ask::BatchOptions batches = settings.batches;
  HOLISAFE_TRY(ask::Endpoint endpoint, open_endpoint(std::move(settings)));
  if (batch) return Asker(std::move(endpoint), batches);
  return Asker(std::make_unique<ask::EndpointAnswerer>(std::move(endpoint)));
}

}  // namespace

Result<ask::Endpoint> open_endpoint(AnswererSettings settings) {
  HOLISAFE_TRY(ask::Json members, request_members(settings));
  http::ClientOptions client = std::move(settings.client);
  if (settings.batch) {
    // Files of up to 100 MB go out, and results of as many rows come in.
    constexpr http::milliseconds long_enough{1'800'000};
    client.time_limit = std::max(client.time_limit, long_enough);
    client.max_body = std::uint64_t{1} << 30;
  }
  return ask::Endpoint::open(
      *settings.provider,
      {std::move(settings.url), std::move(settings.api_model), std::move(members), std::move(client),
       std::move(settings.key_header), settings.parameters, std::move(settings.on_change)},
      std::move(settings.key));
}

const AnswererKind endpoint_answerer = {"endpoint", "--endpoint", chosen, identity, open};

}  // namespace holisafe::runs
