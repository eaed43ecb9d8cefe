#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include "ask/batch_service.h"
#include "ask/event_stream.h"
#include "ask/refusal.h"

namespace ask = holisafe::ask;

namespace {

struct Asked {
  ask::Endpoint endpoint;
  std::unique_ptr<ask::BatchService> batches;
};

/// Every provider; nothing is sent.
const std::vector<Asked>& endpoints() {
  static const std::vector<Asked> all = [] {
    std::vector<Asked> out;
    out.reserve(ask::providers().size());
    for (const ask::Provider* provider : ask::providers()) {
      auto endpoint = ask::Endpoint::open(*provider, {}, {});
      if (!endpoint) std::abort();
      Asked& added = out.emplace_back(Asked{std::move(*endpoint), nullptr});
      added.batches = provider->batches(added.endpoint);
    }
    return out;
  }();
  return all;
}

}  // namespace

// The input is what an API answered: to a question, whole or as a stream, as the body of an error, and as a
// row of a batch.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  for (const Asked& each : endpoints()) {
    const ask::Provider& provider = each.endpoint.provider();
    if (ask::is_event_stream(body)) {
      const auto events = ask::stream_events(provider.name, body);
      const auto whole = events ? provider.whole(*events) : holisafe::fail(events.error());
      if (whole) static_cast<void>(ask::reply_in(provider, *whole));
    }
    const auto json = ask::parse_json(provider.name, body);
    if (!json) continue;
    static_cast<void>(ask::content_filter_code(*json));
    static_cast<void>(ask::is_out_of_quota(*json));
    static_cast<void>(ask::change_for(provider, {}, *json));
    static_cast<void>(ask::reply_in(provider, *json));
    static_cast<void>(each.batches->read_row(*json));
  }
  return 0;
}
