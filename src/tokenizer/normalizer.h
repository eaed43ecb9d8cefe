// The normalizers that Llama, Vicuna, Qwen and Gemma tokenizer files use. Internal to this layer.
#pragma once

#include <functional>
#include <vector>

#include <simdjson.h>

#include "base/result.h"
#include "tokenizer/aligned_text.h"

namespace holisafe::tokenizer {

/// Parts of a tokenizer's normalizer, of its pre-tokenizer and of its decoder, those in lists of lists
/// included.
inline constexpr std::size_t most_parts = 1000;

/// Bytes that a text of `bytes` may become on its way.
constexpr std::size_t most_text(std::size_t bytes) { return 16 * bytes + (std::size_t{64} << 10); }

/// Gives text of at most `most` bytes. Errors: too_large (it would be more).
using Normalizer = std::function<Result<AlignedText>(AlignedText, std::size_t most)>;

/// From the `normalizer` of tokenizer.json (null: does nothing): Sequence, Prepend, Replace (of a string),
/// NFC. Errors: unsupported, missing, too_large (more than most_parts).
Result<Normalizer> make_normalizer(simdjson::dom::element json);

/// Counts one of the parts that are left. Errors: too_large.
Result<void> take_part(const char* where, std::size_t& left);

/// The error of a text that a tokenizer's `where` makes longer than `most`.
tl::unexpected<Error> grows_too_far(std::string_view where, std::size_t most);

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
