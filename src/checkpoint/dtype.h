// Types of a tensor's elements: the one table of their names and sizes. What LibTorch calls them stands in
// models/dtype.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holisafe::checkpoint {

enum class DType : std::uint8_t { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean };

std::string_view name(DType dtype);  ///< as in a safetensors file: "F32", …
std::string_view word(DType dtype);  ///< as in flags and in config.json's torch_dtype: "float32", …
std::size_t size_of(DType dtype);    ///< bytes an element

/// By name(). Nothing for another text.
std::optional<DType> parse_dtype(std::string_view text);

/// A type that a model computes in, by word() or by name() in lower case: "bfloat16" or "bf16". Nothing for
/// another text.
std::optional<DType> parse_computed(std::string_view text);

/// Words of the types that a model computes in: float32, bfloat16, float16.
std::vector<std::string> computed_words();

}  // namespace holisafe::checkpoint
