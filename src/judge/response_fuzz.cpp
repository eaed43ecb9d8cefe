#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include "judge/batch_service.h"
#include "judge/judge.h"
#include "judge/verdict_tag.h"

namespace judge = holisafe::judge;

namespace {

struct Judge {
  judge::Endpoint endpoint;
  std::unique_ptr<judge::BatchService> batches;
};

/// Every provider; nothing is sent.
const std::vector<Judge>& endpoints() {
  static const std::vector<Judge> all = [] {
    std::vector<Judge> out;
    out.reserve(judge::judges().size());
    for (const judge::JudgeEntry& entry : judge::judges()) {
      if (entry.provider == nullptr) continue;
      auto endpoint = judge::Endpoint::open(*entry.provider, {}, {});
      if (!endpoint) std::abort();
      Judge& added = out.emplace_back(Judge{std::move(*endpoint), nullptr});
      added.batches = entry.provider->batches(added.endpoint);
    }
    return out;
  }();
  return all;
}

}  // namespace

// The input is what a judge's API answered: to a question, and as a row of a batch.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  static_cast<void>(judge::read_verdict(body));
  for (const Judge& each : endpoints()) {
    const auto json = judge::parse_json(each.endpoint.provider().name, body);
    if (!json) return 0;
    if (const auto answer = each.endpoint.provider().answer(*json))
      static_cast<void>(judge::read_verdict(*answer));
    if (const auto row = each.batches->read_row(*json); row && row->answer)
      static_cast<void>(judge::read_verdict(*row->answer));
  }
  return 0;
}
