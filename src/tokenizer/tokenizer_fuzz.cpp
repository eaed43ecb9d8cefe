#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <unistd.h>

#include "tokenizer/tokenizer.h"

// The input is a tokenizer.json, NUL, then a text to encode and decode again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::filesystem::path folder =
      "/dev/shm/holisafe_tokenizer_fuzz_" + std::to_string(::getpid());
  std::filesystem::create_directories(folder);
  const std::string input(reinterpret_cast<const char*>(data), size);
  const auto cut = input.find('\0');
  std::FILE* file = std::fopen((folder / "tokenizer.json").c_str(), "wb");
  if (file == nullptr) std::abort();
  std::fwrite(input.data(), 1, std::min(cut, input.size()), file);
  std::fclose(file);
  const auto tokenizer = holisafe::tokenizer::Tokenizer::open(folder);
  if (!tokenizer || cut == std::string::npos) return 0;
  const std::vector<holisafe::tokenizer::Piece> pieces{{std::string_view(input).substr(cut + 1), true},
                                                       {"<image> typed", false}};
  const auto encoding = tokenizer->encode(pieces);
  if (!encoding) return 0;
  if (encoding->ids.size() != encoding->offsets.size()) std::abort();
  static_cast<void>(tokenizer->decode(encoding->ids, false));
  return 0;
}
