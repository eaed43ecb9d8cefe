// The pre-tokenizers that Llama, Vicuna, Qwen and Gemma tokenizer files use. Internal to this layer.
#pragma once

#include <functional>
#include <vector>

#include <simdjson.h>

#include "base/result.h"
#include "tokenizer/aligned_text.h"

namespace holisafe::tokenizer {

/// Cuts texts into the pieces that tokens never cross. `at_start` of the first text: it begins the whole
/// input; `most` bytes may the pieces have together. Errors: too_large (more, or a pattern whose engine gave
/// up).
using PreTokenizer = std::function<Result<std::vector<AlignedText>>(std::vector<AlignedText>, bool at_start,
                                                                    std::size_t most)>;

/// From the `pre_tokenizer` of tokenizer.json (null: one piece): Sequence, Split, ByteLevel, Metaspace,
/// Digits. Errors: unsupported, missing, malformed (a pattern that does not compile), too_large (more than
/// most_parts).
Result<PreTokenizer> make_pre_tokenizer(simdjson::dom::element json);

/// The character that stands for a byte in byte-level vocabularies, as UTF-8; and back (nothing for other
/// characters).
const std::string& byte_character(unsigned char byte);
int byte_of_character(std::string_view character);

}  // namespace holisafe::tokenizer
