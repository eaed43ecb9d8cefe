#include <cstdint>
#include <cstdlib>
#include <vector>

#include "fuzz/input_folder.h"
#include "tokenizer/tokenizer.h"

// The input is a tokenizer.json, NUL, then a text to encode and decode again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const holisafe::InputFolder folder("tokenizer_fuzz");
  const holisafe::TwoParts input({reinterpret_cast<const char*>(data), size});
  folder.write("tokenizer.json", input.first);
  const auto tokenizer = holisafe::tokenizer::Tokenizer::open(folder.path());
  if (!tokenizer || !input.has_second) return 0;
  const std::vector<holisafe::tokenizer::Piece> pieces{{input.second, true}, {"<image> typed", false}};
  const auto encoding = tokenizer->encode(pieces);
  if (!encoding) return 0;
  if (encoding->ids.size() != encoding->offsets.size()) std::abort();
  static_cast<void>(tokenizer->decode(encoding->ids, false));
  return 0;
}
