#include "checkpoint/dtype.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace holisafe::checkpoint {
namespace {

struct Entry {
  DType dtype;
  std::string_view name;
  std::string_view word;
  std::size_t size;
};

/// In the order of the enumeration.
constexpr std::array<Entry, 10> entries{{{DType::f64, "F64", "float64", 8},
                                         {DType::f32, "F32", "float32", 4},
                                         {DType::f16, "F16", "float16", 2},
                                         {DType::bf16, "BF16", "bfloat16", 2},
                                         {DType::i64, "I64", "int64", 8},
                                         {DType::i32, "I32", "int32", 4},
                                         {DType::i16, "I16", "int16", 2},
                                         {DType::i8, "I8", "int8", 1},
                                         {DType::u8, "U8", "uint8", 1},
                                         {DType::boolean, "BOOL", "bool", 1}}};

constexpr std::array computed{DType::f32, DType::bf16, DType::f16};

const Entry& entry(DType dtype) { return entries[static_cast<std::size_t>(dtype)]; }

}  // namespace

std::string_view name(DType dtype) { return entry(dtype).name; }
std::string_view word(DType dtype) { return entry(dtype).word; }
std::size_t size_of(DType dtype) { return entry(dtype).size; }

std::optional<DType> parse_dtype(std::string_view text) {
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const Entry& one) { return one.name == text; });
  return found == entries.end() ? std::nullopt : std::optional(found->dtype);
}

std::optional<DType> parse_computed(std::string_view text) {
  const auto found = std::find_if(computed.begin(), computed.end(), [&](DType dtype) {
    return word(dtype) == text || ascii_lower(name(dtype)) == text;
  });
  return found == computed.end() ? std::nullopt : std::optional(*found);
}

std::vector<std::string> computed_words() {
  std::vector<std::string> out;
  out.reserve(computed.size());
  for (const DType dtype : computed) out.emplace_back(word(dtype));
  return out;
}

}  // namespace holisafe::checkpoint
