#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "serve/event_scan.h"
#include "serve/relay.h"

// The first byte is the size of pieces, the rest a stream: in pieces it is what it is as a whole, and what
// stands before it is sound.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holisafe::serve;
  if (size == 0) return 0;
  const std::size_t piece = data[0] % 16U + 1U;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  EventScan whole;
  whole.take(stream);
  EventScan pieces;
  for (std::size_t at = 0; at < stream.size(); at += piece) pieces.take(stream.substr(at, piece));
  if (whole.first() != pieces.first() || whole.done() != pieces.done() ||
      whole.finished() != pieces.finished())
    std::abort();
  if (whole.tokens().has_value() != pieces.tokens().has_value()) std::abort();
  if (!whole.first()) return 0;
  const Addition addition{{{"action", "allow"}}, "careful", "m", true};
  const auto opening = stream_opening(*whole.first(), addition);
  if (!opening) return 0;
  if (!opening->starts_with("data: {") || !opening->ends_with("}\n\n")) std::abort();
  EventScan again;
  again.take(*opening);
  if (!again.first() || !Json::accept(*again.first())) std::abort();
  std::optional<Tokens> tokens;
  if (const auto answer = with_addition(*whole.first(), addition, tokens); answer && !Json::accept(*answer))
    std::abort();
  return 0;
}
