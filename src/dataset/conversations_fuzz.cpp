#include <cstdint>
#include <cstdlib>
#include <string>

#include "dataset/conversations.h"

// The input is a file of training conversations.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace dataset = holisafe::dataset;
  const auto read =
      dataset::parse_conversations(std::string(reinterpret_cast<const char*>(data), size), "fuzz");
  if (!read) return 0;
  for (const dataset::Conversation& conversation : read->conversations) {
    const auto& turns = conversation.turns;
    if (turns.size() < 2 || turns.front().from != dataset::Speaker::human ||
        turns.back().from != dataset::Speaker::gpt)
      std::abort();
    if (conversation.image_safety_label != dataset::no_label &&
        (conversation.image_safety_label < 0 || conversation.image_safety_label > 19))
      std::abort();
  }
  return 0;
}
