#include "checkpoint/checkpoint.h"

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "checkpoint/match.h"

namespace holisafe::checkpoint {
namespace {

namespace fs = std::filesystem;

class Checkpoints : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("holisafe_checkpoint_" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write(const std::string& name, const std::string& bytes) {
    ASSERT_TRUE(write_file_atomic(folder_ / name, bytes));
  }

  static std::string with_length(const std::string& header, const std::string& buffer = "") {
    std::string out(8, '\0');
    for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<char>(header.size() >> (8 * i));
    return out + header + buffer;
  }

  ErrorKind kind_of(const std::string& bytes) {
    write("x.safetensors", bytes);
    const auto file = SafetensorsFile::open(folder_ / "x.safetensors");
    EXPECT_FALSE(file);
    if (file) return ErrorKind::internal;
    EXPECT_NE(file.error().message().find("x.safetensors"), std::string::npos);
    return file.error().kind;
  }

  ErrorKind kind_of_header(const std::string& header, std::size_t buffer = 8) {
    return kind_of(with_length(header, std::string(buffer, '\0')));
  }

  TensorSource source(const std::string& name, std::vector<std::int64_t> shape, const std::string& bytes,
                      DType dtype = DType::f32) {
    return {name, dtype, std::move(shape), [bytes](const WritePiece& piece) { return piece(bytes); }};
  }

  fs::path folder_;
};

TEST_F(Checkpoints, WritesWhatItReads) {
  const std::string floats(24, '\x3f');
  ASSERT_TRUE(
      write_safetensors(folder_ / "a.safetensors",
                        {source("b", {2, 3}, floats), source("a", {4}, std::string(8, '\x01'), DType::bf16),
                         source("empty", {0, 7}, "")},
                        {{"format", "pt"}}));
  const auto file = SafetensorsFile::open(folder_ / "a.safetensors").value();
  ASSERT_EQ(file.tensors().size(), 3U);
  const TensorView* b = file.find("b");
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(b->shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(std::memcmp(b->bytes.data(), floats.data(), 24), 0);
  EXPECT_EQ(file.find("a")->dtype, DType::bf16);
  EXPECT_EQ(file.find("none"), nullptr);
  EXPECT_EQ(file.metadata().at("format"), "pt");
}

TEST_F(Checkpoints, SameTensorsSameBytes) {
  const std::string x(8, 'x');
  const std::string y(4, 'y');
  ASSERT_TRUE(write_safetensors(folder_ / "1", {source("x", {2}, x), source("y", {1}, y)}, {}));
  ASSERT_TRUE(write_safetensors(folder_ / "2", {source("y", {1}, y), source("x", {2}, x)}, {}));
  EXPECT_EQ(read_file(folder_ / "1").value(), read_file(folder_ / "2").value());
}

TEST_F(Checkpoints, WritingNamesItsFaults) {
  EXPECT_EQ(write_safetensors(folder_ / "a", {source("x", {2}, "12345678"), source("x", {1}, "1234")}, {})
                .error()
                .kind,
            ErrorKind::duplicate);
  EXPECT_EQ(write_safetensors(folder_ / "a", {source("x", {2}, "1234")}, {}).error().kind,
            ErrorKind::mismatch);
  EXPECT_EQ(write_safetensors(folder_ / "a", {source("x", {1LL << 40, 1LL << 40}, "")}, {}).error().kind,
            ErrorKind::overflow);
  EXPECT_FALSE(fs::exists(folder_ / "a"));
}

// One test an error of the closed list.
TEST_F(Checkpoints, HeaderLengthMissing) { EXPECT_EQ(kind_of("1234567"), ErrorKind::truncated); }
TEST_F(Checkpoints, HeaderTooLarge) { EXPECT_EQ(kind_of(std::string(8, '\xff')), ErrorKind::too_large); }
TEST_F(Checkpoints, HeaderTruncated) {
  EXPECT_EQ(kind_of(with_length("{}").substr(0, 9)), ErrorKind::truncated);
}
TEST_F(Checkpoints, HeaderNotJson) { EXPECT_EQ(kind_of_header("{\"a\":", 0), ErrorKind::malformed); }
TEST_F(Checkpoints, HeaderTrailingData) { EXPECT_EQ(kind_of_header("{} {}", 0), ErrorKind::malformed); }
TEST_F(Checkpoints, HeaderNotUtf8) { EXPECT_EQ(kind_of_header("{\"\xff\":1}", 0), ErrorKind::invalid_utf8); }
TEST_F(Checkpoints, HeaderTooDeep) {
  EXPECT_EQ(kind_of_header(std::string(100'000, '['), 0), ErrorKind::malformed);
}
TEST_F(Checkpoints, HeaderNotAnObject) { EXPECT_EQ(kind_of_header("[]", 0), ErrorKind::wrong_type); }
TEST_F(Checkpoints, DuplicateName) {
  const std::string entry = R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  EXPECT_EQ(kind_of_header("{" + entry + "," + entry + "}", 4), ErrorKind::duplicate);
}
TEST_F(Checkpoints, FieldMissing) {
  EXPECT_EQ(kind_of_header(R"({"a":{"dtype":"F32","shape":[1]}})", 4), ErrorKind::missing);
}
TEST_F(Checkpoints, DTypeUnknown) {
  EXPECT_EQ(kind_of_header(R"({"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}})", 4),
            ErrorKind::unsupported);
}
TEST_F(Checkpoints, MetadataNotStrings) {
  EXPECT_EQ(kind_of_header(R"({"__metadata__":{"a":1}})", 0), ErrorKind::wrong_type);
}
TEST_F(Checkpoints, ShapeAgainstBytes) {
  EXPECT_EQ(kind_of_header(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4),
            ErrorKind::mismatch);
}
TEST_F(Checkpoints, ShapeOverflow) {
  EXPECT_EQ(
      kind_of_header(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296,0],"data_offsets":[0,0]}})", 0),
      ErrorKind::overflow);
}
TEST_F(Checkpoints, OffsetsBackwards) {
  EXPECT_EQ(kind_of_header(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", 4),
            ErrorKind::out_of_range);
}
TEST_F(Checkpoints, OffsetsPastTheEnd) {
  EXPECT_EQ(kind_of_header(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 4),
            ErrorKind::out_of_range);
}
TEST_F(Checkpoints, TensorsOverlap) {
  EXPECT_EQ(
      kind_of_header(
          R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})"),
      ErrorKind::overlap);
}
TEST_F(Checkpoints, TensorsLeaveAHole) {
  EXPECT_EQ(
      kind_of_header(
          R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})"),
      ErrorKind::hole);
  EXPECT_EQ(kind_of_header(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})"), ErrorKind::hole);
}

TEST_F(Checkpoints, EveryNumberOfTheHeaderAtItsExtremes) {
  for (const char* number : {"-1", "2147483648", "9223372036854775808", "18446744073709551615",
                             "18446744073709551616", "1.5", "null"}) {
    for (const int field : {0, 1, 2}) {
      const std::string n = number;
      const std::string header = R"({"a":{"dtype":"F32","shape":[)" + (field == 0 ? n : "1") +
                                 R"(],"data_offsets":[)" + (field == 1 ? n : "0") + "," +
                                 (field == 2 ? n : "4") + "]}}";
      write("x.safetensors", with_length(header, "1234"));
      EXPECT_FALSE(SafetensorsFile::open(folder_ / "x.safetensors")) << header;
    }
  }
}

TEST_F(Checkpoints, EveryTruncationIsAnError) {
  ASSERT_TRUE(write_safetensors(folder_ / "a", {source("x", {2}, "12345678"), source("y", {1}, "1234")},
                                {{"format", "pt"}}));
  const std::string whole = read_file(folder_ / "a").value();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    write("b", whole.substr(0, size));
    EXPECT_FALSE(SafetensorsFile::open(folder_ / "b")) << size;
  }
}

TEST_F(Checkpoints, ShardsAreOneCheckpoint) {
  write("config.json", R"({"model_type":"llava"})");
  std::vector<TensorSource> tensors;
  for (const char* name : {"a", "b", "c"}) tensors.push_back(source(name, {2}, "12345678"));
  ASSERT_TRUE(write_weights(folder_, tensors, 16));
  EXPECT_TRUE(fs::exists(folder_ / "model-00002-of-00002.safetensors"));
  const auto whole = Checkpoint::open(folder_).value();
  EXPECT_EQ(whole.tensors().size(), 3U);
  EXPECT_EQ(whole.weight_bytes(), 24U);
  EXPECT_EQ(whole.config()["model_type"], "llava");

  fs::remove(folder_ / "model-00002-of-00002.safetensors");
  EXPECT_EQ(Checkpoint::open(folder_).error().kind, ErrorKind::not_found);
  write("model.safetensors.index.json", R"({"weight_map":{"a":"../a.safetensors"}})");
  EXPECT_EQ(Checkpoint::open(folder_).error().kind, ErrorKind::outside_root);
  write("model.safetensors.index.json", R"({"weight_map":{"z":"model-00001-of-00002.safetensors"}})");
  EXPECT_EQ(Checkpoint::open(folder_).error().kind, ErrorKind::missing);
}

TEST_F(Checkpoints, TheSingleFileComesBeforeAnIndex) {
  write("config.json", "{}");
  ASSERT_TRUE(write_safetensors(folder_ / "model.safetensors", {source("a", {1}, "1234")}, {}));
  write("model.safetensors.index.json", R"({"weight_map":{"b":"model-00001-of-00001.safetensors"}})");
  for (const bool there : {false, true}) {
    if (there) {
      ASSERT_TRUE(
          write_safetensors(folder_ / "model-00001-of-00001.safetensors", {source("b", {1}, "5678")}, {}));
    }
    const auto opened = Checkpoint::open(folder_);
    ASSERT_TRUE(opened) << opened.error().message();
    EXPECT_EQ(opened->tensors().size(), 1U);
    EXPECT_TRUE(opened->tensors().contains("a"));
  }
}

TEST_F(Checkpoints, NullMetadataIsNone) {
  write("x.safetensors",
        with_length(R"({"__metadata__":null,"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "x"));
  const auto file = SafetensorsFile::open(folder_ / "x.safetensors");
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_TRUE(file->metadata().empty());
}

TEST_F(Checkpoints, ShapesHaveSixteenSizesAtMost) {
  std::string sizes = "1";
  for (int i = 1; i < 16; ++i) sizes += ",1";
  const auto header = [](const std::string& shape) {
    return R"({"a":{"dtype":"U8","shape":[)" + shape + R"(],"data_offsets":[0,1]}})";
  };
  write("x.safetensors", with_length(header(sizes), "x"));
  EXPECT_TRUE(SafetensorsFile::open(folder_ / "x.safetensors"));
  EXPECT_EQ(kind_of_header(header(sizes + ",1"), 1), ErrorKind::too_large);
  std::string many = "1";
  for (int i = 0; i < 100'000; ++i) many += ",1";
  write("x.safetensors", with_length(header(many), "x"));
  EXPECT_LE(SafetensorsFile::open(folder_ / "x.safetensors").error().message().size(), 580U);
}

TEST_F(Checkpoints, PointersOfLfsAreNamed) {
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 3846800\n";
  write("config.json", "{}");
  write("model.safetensors", pointer);
  EXPECT_NE(Checkpoint::open(folder_).error().message().find("LFS"), std::string::npos);
  write("config.json", pointer);
  EXPECT_NE(Checkpoint::open(folder_).error().message().find("LFS"), std::string::npos);
}

TEST_F(Checkpoints, AnAdaptersFolderIsCalledOne) {
  write("adapter_config.json", "{}");
  const Error error = Checkpoint::open(folder_).error();
  EXPECT_NE(error.message().find("--adapter"), std::string::npos) << error.message();
}

TEST_F(Checkpoints, QuantisedOnesAreRefusedByTheirMethod) {
  for (const auto& [config, method] : std::map<std::string, std::string>{
           {R"({"quantization_config":{"quant_method":"awq","bits":4}})", "awq"},
           {R"({"text_config":{"quantization_config":{"quant_method":"gptq"}}})", "gptq"},
           {R"({"quantization_config":{"load_in_4bit":true}})", "bitsandbytes"},
           {R"({"compression_config":{"quant_method":"compressed-tensors"}})", "compressed-tensors"}}) {
    write("config.json", config);
    const Error error = Checkpoint::open(folder_).error();
    EXPECT_EQ(error.kind, ErrorKind::unsupported);
    EXPECT_NE(error.message().find("quant_method " + method), std::string::npos) << error.message();
  }
  write("config.json", R"({"quantization_config":null})");
  EXPECT_EQ(Checkpoint::open(folder_).error().kind, ErrorKind::not_found);
}

TEST_F(Checkpoints, FoldersThatAreNoModelsSayWhy) {
  EXPECT_EQ(Checkpoint::open(folder_ / "none").error().kind, ErrorKind::not_found);
  EXPECT_EQ(Checkpoint::open(folder_).error().kind, ErrorKind::not_found);
  write("config.json", "{}");
  EXPECT_EQ(Checkpoint::open(folder_).error().kind, ErrorKind::not_found);
  write("pytorch_model.bin", "x");
  EXPECT_EQ(Checkpoint::open(folder_).error().kind, ErrorKind::unsupported);
  write("config.json", std::string(100'000, '['));
  EXPECT_EQ(Checkpoint::open(folder_).error().kind, ErrorKind::too_large);
  write("config.json", "{\"a\": }");
  EXPECT_EQ(Checkpoint::open(folder_).error().kind, ErrorKind::malformed);
}

TEST_F(Checkpoints, MatchListsEverythingThatDiffers) {
  std::map<std::string, TensorView> tensors;
  for (const auto& [name, shape] : std::map<std::string, std::vector<std::int64_t>>{
           {"model.language_model.w", {2}}, {"model.x", {1}}, {"extra", {3}}, {"rotary.inv_freq", {4}}}) {
    tensors[name] = {name, DType::f32, shape, {}, nullptr};
  }
  const NameRules rules{{{"model.language_model.", "language."}, {"model.", ""}}, {"inv_freq"}};
  const std::vector<TensorSpec> good{{"language.w", {2}}, {"x", {1}}, {"extra", {3}}, {"absent", {9}, true}};
  const auto matched = match(good, tensors, rules, "dir").value();
  EXPECT_EQ(matched.size(), 3U);
  EXPECT_EQ(matched.at("language.w").name, "model.language_model.w");
  const std::vector<TensorSpec> bad{{"language.w", {5}}, {"x", {1}}, {"needed", {6, 7}}};
  const Error error = match(bad, tensors, rules, "dir").error();
  EXPECT_EQ(error.kind, ErrorKind::mismatch);
  EXPECT_EQ(error.message(),
            "checkpoint does not fit its config: dir: unexpected extra [3]; model.language_model.w: expected "
            "[5], found [2]; missing needed [6, 7]");
}

class Matches : public testing::Test {
 protected:
  /// What match() says of tensors of these names where `count` of a tower's and a text's are wanted.
  static std::string said(const std::vector<std::string>& names) {
    std::map<std::string, TensorView> tensors;
    for (const std::string& name : names) tensors[name] = {name, DType::f32, {2}, {}, nullptr};
    std::vector<TensorSpec> specs;
    for (int i = 0; i < 20; ++i) {
      specs.push_back({"tower." + std::to_string(i) + ".w", {2}});
      specs.push_back({"text." + std::to_string(i) + ".w", {2}});
    }
    const NameRules rules{{{"model.", ""}}, {}, {{"tower.", "vision tower"}, {"text.", "language model"}}};
    const auto matched = match(specs, tensors, rules, "dir");
    return matched ? "" : matched.error().message();
  }

  static std::vector<std::string> names(const std::string& prefix, bool tower, const std::string& end) {
    std::vector<std::string> out;
    for (int i = 0; i < 20; ++i) {
      if (tower) out.push_back(prefix + "tower." + std::to_string(i) + ".w");
      out.push_back(prefix + "text." + std::to_string(i) + end);
    }
    return out;
  }
};

TEST_F(Matches, ACommonPrefixIsNamedOnce) {
  EXPECT_EQ(said(names("", true, ".w")), "");
  EXPECT_EQ(said(names("model.", true, ".w")), "");
  for (const char* prefix : {"base_model.model.", "module.", "_orig_mod.", "my.own."}) {
    const std::string text = said(names(prefix, true, ".w"));
    EXPECT_NE(text.find(std::string("the tensors' names begin with ") + prefix), std::string::npos) << text;
    EXPECT_NE(text.find("and 77 more"), std::string::npos) << text;
    EXPECT_LE(text.size(), 580U);
  }
}

TEST_F(Matches, AMissingPartIsNamed) {
  const std::string text = said(names("", false, ".w"));
  EXPECT_NE(text.find("the vision tower is missing (20 tensors tower.…); missing tower.0.w [2]; "),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("language model"), std::string::npos) << text;
  EXPECT_NE(text.find("and 17 more"), std::string::npos) << text;
}

TEST_F(Matches, QuantisedWeightsAreNamed) {
  EXPECT_NE(said(names("", true, ".qweight")).find("quantised (awq or gptq)"), std::string::npos);
  EXPECT_NE(said(names("", true, ".w.absmax")).find("quantised (bitsandbytes)"), std::string::npos);
}

}  // namespace
}  // namespace holisafe::checkpoint
