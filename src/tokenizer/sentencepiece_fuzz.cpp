#include <cstdint>

#include "fuzz/input_folder.h"
#include "tokenizer/tokenizer.h"

// The input is a tokenizer.model; a text is encoded and decoded with it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const holisafe::InputFolder folder("sentencepiece_fuzz");
  folder.write("tokenizer.model", {reinterpret_cast<const char*>(data), size});
  const auto tokenizer = holisafe::tokenizer::Tokenizer::open(folder.path());
  if (!tokenizer) return 0;
  const auto ids = tokenizer->encode("the cat  sat, naïve 日本\n");
  if (!ids) return 0;  // text may become longer than it may
  static_cast<void>(tokenizer->decode(*ids, size % 2 == 0));
  return 0;
}
