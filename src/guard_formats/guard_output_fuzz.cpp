#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "ask/json.h"
#include "guard_formats/guard_format.h"

// The first byte names the format. The rest is an output as JSON, and as text an answer and a file of
// policies.
namespace {

using namespace holisafe;
using namespace holisafe::guard_formats;

bool is_share(double value) { return value >= 0 && value <= 1; }

void check(const Result<Reading>& reading) {
  if (!reading || !*reading) return;
  const Finding& found = **reading;
  if (!found.flagged && !found.score) std::abort();
  if (found.score && !is_share(*found.score)) std::abort();
  if (!found.classes) return;
  for (const double value : *found.classes) {
    if (!is_share(value)) std::abort();
  }
}

void ask_and_read(const Request& request, const std::string& text, const Json& output,
                  const GuardFormat& format) {
  const auto prompts = request.prompts({text, "policies"});
  if (!prompts) return;
  if (prompts->empty()) std::abort();
  const std::vector<Json> outputs(prompts->size(), output);
  const auto gathered = request.gather(*prompts, outputs);
  if (gathered) check(format.read(*gathered));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto formats = all();
  const GuardFormat& format = *formats[data[0] % formats.size()];
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  check(format.read(Json(text)));
  const auto json = ask::parse_json("fuzz", text);
  if (json) {
    check(format.read(*json));
    if (format.request) {
      const auto reply = format.request->provider().reply(*json);
      if (reply) check(format.read(Json::parse(reply->text)));
    }
  }
  if (format.request) ask_and_read(*format.request, text, json ? *json : Json(text), format);
  return 0;
}
