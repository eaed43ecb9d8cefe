#include <cstdint>
#include <cstdlib>
#include <filesystem>

#include "fuzz/input_folder.h"
#include "tokenizer/tokenizer.h"

namespace {

constexpr const char* model =
    HOLISAFE_SOURCE_DIR "/src/tokenizer/testdata/corpus/sentencepiece_fuzz/unigram.model";

}  // namespace

// The input is a tokenizer_config.json, NUL, then an added_tokens.json, both beside a tokenizer.model.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const holisafe::InputFolder folder("tokenizer_config_fuzz");
  static const bool copied = std::filesystem::copy_file(model, folder.path() / "tokenizer.model");
  if (!copied) std::abort();
  const holisafe::TwoParts input({reinterpret_cast<const char*>(data), size});
  folder.write("tokenizer_config.json", input.first);
  folder.write("added_tokens.json", input.has_second ? input.second : "{}");
  const auto tokenizer = holisafe::tokenizer::Tokenizer::open(folder.path());
  if (!tokenizer) return 0;
  const auto ids = tokenizer->encode("the <image> cat");
  if (!ids) std::abort();
  static_cast<void>(tokenizer->decode(*ids, true));
  return 0;
}
