#include "checkpoint/dtype.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holisafe::checkpoint {
namespace {

TEST(DTypes, NamesSizesAndWordsAreThoseOfSafetensorsAndTorch) {
  // The format's README, and PyTorch's names without `torch.`.
  const std::vector<std::tuple<DType, std::string_view, std::string_view, std::size_t>> published{
      {DType::f64, "F64", "float64", 8}, {DType::f32, "F32", "float32", 4},
      {DType::f16, "F16", "float16", 2}, {DType::bf16, "BF16", "bfloat16", 2},
      {DType::i64, "I64", "int64", 8},   {DType::i32, "I32", "int32", 4},
      {DType::i16, "I16", "int16", 2},   {DType::i8, "I8", "int8", 1},
      {DType::u8, "U8", "uint8", 1},     {DType::boolean, "BOOL", "bool", 1}};
  for (const auto& [dtype, file_name, torch_word, size] : published) {
    EXPECT_EQ(name(dtype), file_name);
    EXPECT_EQ(word(dtype), torch_word);
    EXPECT_EQ(size_of(dtype), size);
    EXPECT_EQ(parse_dtype(file_name), dtype);
  }
  EXPECT_EQ(parse_dtype("F8_E4M3"), std::nullopt);
  EXPECT_EQ(parse_dtype("float32"), std::nullopt);
}

TEST(DTypes, ThoseOfFlagsAreTheOnesComputedIn) {
  EXPECT_THAT(computed_words(), testing::ElementsAre("float32", "bfloat16", "float16"));
  EXPECT_EQ(parse_computed("bfloat16"), DType::bf16);
  EXPECT_EQ(parse_computed("bf16"), DType::bf16);
  EXPECT_EQ(parse_computed("f16"), DType::f16);
  EXPECT_EQ(parse_computed("float64"), std::nullopt);
  EXPECT_EQ(parse_computed("F32"), std::nullopt);
}

}  // namespace
}  // namespace holisafe::checkpoint
