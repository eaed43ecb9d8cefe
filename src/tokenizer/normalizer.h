// The normalizers that Llama, Vicuna, Qwen and Gemma tokenizer files use. Internal to this layer.
#pragma once

#include <functional>
#include <vector>

#include <simdjson.h>

#include "base/result.h"
#include "tokenizer/aligned_text.h"

namespace holisafe::tokenizer {

using Normalizer = std::function<AlignedText(AlignedText)>;

/// From the `normalizer` of tokenizer.json (null: does nothing): Sequence, Prepend, Replace (of a string),
/// NFC. Errors: unsupported, missing.
Result<Normalizer> make_normalizer(simdjson::dom::element json);

/// A member of an object, or an error that names it.
Result<simdjson::dom::element> member(simdjson::dom::element json, std::string_view key,
                                      std::string_view where);
/// A string, bool or other plain member. Errors: missing, wrong_type.
template <class T>
Result<T> member_as(simdjson::dom::element json, std::string_view key, std::string_view where) {
  HOLISAFE_TRY(const auto found, member(json, key, where));
  T out{};
  if (found.get(out) != simdjson::SUCCESS) {
    return fail(ErrorKind::wrong_type, "bad tokenizer.json", std::string(where) + "." + std::string(key),
                "another kind of value");
  }
  return out;
}
/// The same; `otherwise` where it is absent or null.
template <class T>
Result<T> member_or(simdjson::dom::element json, std::string_view key, std::string_view where, T otherwise) {
  simdjson::dom::element found;
  if (json.at_key(key).get(found) != simdjson::SUCCESS || found.is_null()) return otherwise;
  return member_as<T>(json, key, where);
}
tl::unexpected<Error> not_supported(std::string_view part, std::string_view found);

}  // namespace holisafe::tokenizer
