#include <cstdint>
#include <cstdlib>
#include <string>

#include "ask/json.h"
#include "construction/replies.h"

namespace construction = holisafe::construction;

// The input is the text of a reply, to each step.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using construction::Step;
  holisafe::chat::Reply reply;
  reply.text.assign(reinterpret_cast<const char*>(data), size);
  for (const Step step : {Step::label, Step::write, Step::check, Step::text_check, Step::answer}) {
    const auto found = construction::reading_of(step, reply);
    const bool sound = found.kind == construction::KeptReply::Kind::sound;
    if (sound == found.object.empty() || sound != found.reason.empty()) std::abort();
    if (!sound) continue;
    // What was found is found again.
    if (!holisafe::ask::parse_json("", found.object)) std::abort();
    holisafe::chat::Reply again;
    again.text = found.object;
    if (construction::reading_of(step, again).object != found.object) std::abort();
  }
  return 0;
}
