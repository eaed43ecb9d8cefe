#include "dataset/rows.h"

#include <gtest/gtest.h>

#include "dataset/json_fault.h"
#include "dataset/row_elements.h"

namespace holisafe::dataset {
namespace {

std::string fault_of(const std::string& text) {
  const auto file = RowFile::parse(text, "f.json");
  if (!file) return file.error().message();
  const auto visited = file->for_each([](const Row&) -> Result<void> { return {}; });
  return visited ? "" : visited.error().message();
}

std::vector<Row> rows_of(const RowFile& file) {
  std::vector<Row> out;
  EXPECT_TRUE(file.for_each([&](const Row& row) -> Result<void> {
    out.push_back(row);
    return {};
  }));
  return out;
}

TEST(Rows, AnyKeyOrderExtraFieldsAndNulls) {
  const auto file = RowFile::parse(
      R"([{"type":"SSU","extra":{"a":[1,2.5e3,null]},"id":7,"prediction":"a\u0000b\ud83d\ude00","image_safe":true},
          {"id":"x/1","image":"a/b.jpg","query":null,"image_safety_label":19,"subcategory":"race","category":"hate"}])",
      "f.json");
  ASSERT_TRUE(file);
  const auto rows = rows_of(*file);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].id, "7");
  EXPECT_FALSE(rows[0].id_is_string);
  EXPECT_EQ(rows[0].type, "SSU");
  EXPECT_EQ(rows[0].prediction, std::string_view("a\0b\xf0\x9f\x98\x80", 7));
  EXPECT_EQ(rows[0].image_safe, true);
  EXPECT_FALSE(rows[0].image);
  EXPECT_TRUE(rows[1].id_is_string);
  EXPECT_EQ(rows[1].image_safety_label, 19);
  EXPECT_FALSE(rows[1].query);
  EXPECT_TRUE(rows[0].problems.empty() && rows[1].problems.empty());
}

TEST(Rows, WrongKindsAreNamed) {
  const auto file = RowFile::parse(
      R"([{"id":1.5,"type":3,"prediction":["x"],"image_safe":"true","type":"SSS"},{"image":{}}])", "f.json");
  ASSERT_TRUE(file);
  const auto rows = rows_of(*file);
  std::vector<std::string> found;
  for (const auto& row : rows) {
    for (const auto& problem : row.problems) {
      found.push_back(row.where("f.json", problem.field) + ": " + problem.error.message());
    }
  }
  EXPECT_EQ(found,
            (std::vector<std::string>{
                "f.json: row 1 (index 0), id unknown: id: expected an integer or a string, found a number "
                "with a fraction",
                "f.json: row 1 (index 0), id unknown: type: expected a string, found an integer",
                "f.json: row 1 (index 0), id unknown: prediction: expected a string, found an array",
                "f.json: row 1 (index 0), id unknown: image_safe: expected a boolean, found a string",
                "f.json: row 1 (index 0), id unknown: type: expected the field once, found it again",
                "f.json: row 2 (index 1), id unknown: image: expected a string, found an object",
                "f.json: row 2 (index 1), id unknown: id: expected an integer or a string, found nothing"}));
}

TEST(Rows, FaultsNameTheByte) {
  EXPECT_EQ(fault_of(""), "empty file: f.json: expected a JSON array, found nothing");
  EXPECT_EQ(fault_of(" \n"), "empty file: f.json: expected a JSON array, found nothing");
  EXPECT_EQ(fault_of("[]"), "no rows: f.json: expected at least one row, found an empty array");
  EXPECT_EQ(fault_of("{\"id\":1}"), "not a list of rows: f.json: expected an array, found an object");
  EXPECT_EQ(fault_of("[{},[]]"), "not a row: f.json: row 2 (index 1): expected an object, found an array");
  EXPECT_EQ(fault_of("[{}] x"), "not valid JSON: f.json: byte 5: expected the end of the file, found 'x'");
  EXPECT_EQ(fault_of("[{}][{}]"), "not valid JSON: f.json: byte 4: expected the end of the file, found '['");
  EXPECT_EQ(fault_of("[{},]"), "not valid JSON: f.json: byte 4: expected a value, found ']'");
  EXPECT_EQ(fault_of("[{\"a\":\"x\ny\"}]"),
            "not valid JSON: f.json: byte 8: expected an escape for a control character, found byte 0x0a");
  EXPECT_EQ(fault_of("[{\"a\":\"\xc3(\"}]"),
            "not valid JSON: f.json: byte 7: expected UTF-8, found byte 0xc3");
  EXPECT_EQ(fault_of("[{\"a\":\"\xed\xa0\x80\"}]"),
            "not valid JSON: f.json: byte 7: expected UTF-8, found byte 0xed");
  EXPECT_EQ(fault_of("[{\"a\":1"),
            "not valid JSON: f.json: byte 7: expected ',' or '}', found the end of the file");
  EXPECT_EQ(fault_of("[{\"a"),
            "not valid JSON: f.json: byte 4: expected the end of the string begun at byte 2");
  EXPECT_EQ(fault_of("[{\"a\":01}]"), "not valid JSON: f.json: byte 7: expected ',' or '}', found '1'");
  EXPECT_EQ(fault_of("[{\"a\":nul}]"), "not valid JSON: f.json: byte 6: expected a value, found 'n'");
  EXPECT_EQ(fault_of("\xef\xbb\xbf[{},]"), "not valid JSON: f.json: byte 7: expected a value, found ']'");
  EXPECT_EQ(fault_of(std::string(5000, '[')),
            "not valid JSON: f.json: byte 1024: expected at most 1024 levels of nesting");
}

TEST(Rows, HalvesOfPairsAreTheReplacementCharacter) {
  const std::string text = R"([{"id":1,"query":"a\ud83d b\ude00","prediction":"\ud83d\ud83d\ude00\\ud83d"}])";
  const auto file = RowFile::parse(text, "f");
  ASSERT_TRUE(file) << file.error().message();
  const auto rows = rows_of(*file);
  EXPECT_EQ(rows[0].query, "a\xef\xbf\xbd b\xef\xbf\xbd");
  EXPECT_EQ(rows[0].prediction, "\xef\xbf\xbd\xf0\x9f\x98\x80\\ud83d");
  EXPECT_EQ(file->sha256(), sha256(text)) << "the file's own bytes";
}

TEST(Rows, AFieldTwiceIsNoted) {
  const auto file =
      RowFile::parse(R"([{"id":1,"other":1,"prediction":"a","other":2,"prediction":"b"}])", "f");
  std::vector<std::string_view> fields;
  const auto rows = rows_of(*file);
  for (const auto& problem : rows[0].problems) {
    EXPECT_EQ(problem.error.kind, ErrorKind::duplicate);
    fields.push_back(problem.field);
  }
  EXPECT_EQ(fields, (std::vector<std::string_view>{"other", "prediction"}));
}

TEST(RepeatedFields, AlsoAmongMany) {
  RepeatedFields fields;
  std::vector<std::string> keys;
  for (int i = 0; i < 100; ++i) keys.push_back(std::to_string(i));
  for (const auto& key : keys) EXPECT_FALSE(fields.again(key));
  for (const auto& key : keys) EXPECT_TRUE(fields.again(key));
}

TEST(RawFields, OfBytesThatWereNeverParsed) {
  const std::string good = R"( {"a": [1, {"b": "}"}], "c\"": null,"d":"x"} )";
  const auto fields = raw_fields(good);
  ASSERT_TRUE(fields) << fields.error().message();
  ASSERT_EQ(fields->size(), 3U);
  EXPECT_EQ((*fields)[0].value, R"([1, {"b": "}"}])");
  EXPECT_EQ((*fields)[1].key, R"("c\"")");
  EXPECT_EQ((*fields)[2].value, R"("x")");
  for (std::size_t size = 1; size + 1 < good.size(); ++size)
    EXPECT_FALSE(raw_fields(good.substr(0, size))) << size;
  for (const auto* text : {"", "[]", "{\"a", "{\"a\":\"", "\"a\"", "{\"a\":\"\xff\"}"})
    EXPECT_FALSE(raw_fields(text));
  EXPECT_TRUE(raw_fields("{}")->empty());
}

// Two readers, one answer: a text is refused by the parser if and only if a fault is found in it.
TEST(JsonFault, AgreesWithTheParser) {
  const std::string good =
      R"([{"id":1,"a":[true,false,null,-0.5e+3,"\u00e9\ud83d\ude00\n"],"b":{"c":""}},{"id":2}])";
  ASSERT_FALSE(find_json_fault(good));
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const char replaced : std::string_view("\"\\{}[],:0-9.eEtn x\n\x80\xff\x01", 23)) {
      std::string text = good;
      text[i] = replaced;
      const bool refused = !RowFile::parse(text, "f");
      ASSERT_EQ(refused, find_json_fault(text).has_value()) << i << " " << text;
    }
    std::string shorter = good;
    ASSERT_TRUE(find_json_fault(shorter.erase(i)));
  }
}

}  // namespace
}  // namespace holisafe::dataset
