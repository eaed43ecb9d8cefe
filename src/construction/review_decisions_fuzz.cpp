#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/text.h"
#include "construction/decisions.h"

// The input is one decision: what is read of it can be made of a pair, and taken back.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace construction = holisafe::construction;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto decision = construction::parse_decision(input, "someone");
  if (!decision) return 0;
  if ((decision->pair_id < 0) == (decision->image_id < 0) || decision->reviewer.empty()) std::abort();
  for (const std::string& text :
       {decision->instruction, decision->response, decision->reviewer, decision->note}) {
    if (!holisafe::is_utf8(text)) std::abort();
  }
  if (decision->pair_id < 0) return 0;
  construction::PairRow pair;
  pair.instruction = "written";
  pair.response = "written";
  std::vector<construction::Decision> all{*decision};
  const auto after = construction::after_decisions(pair, all);
  if (after.review.has_value() == (decision->decision == "undo")) std::abort();
  all.push_back(*decision);
  all.back().decision = "undo";
  const auto undone = construction::after_decisions(after, all);
  if (undone.review || undone.instruction != "written" || undone.response != "written") std::abort();
  return 0;
}
