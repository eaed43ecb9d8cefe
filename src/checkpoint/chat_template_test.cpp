#include "checkpoint/chat_template.h"

#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"

namespace holisafe::checkpoint {
namespace {

namespace fs = std::filesystem;

class ChatTemplates : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("holisafe_chat_template_" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  void write(const char* name, const std::string& bytes) {
    ASSERT_TRUE(write_file_atomic(folder_ / name, bytes));
  }
  std::string found() {
    const auto read = read_chat_template(folder_);
    EXPECT_TRUE(read) << read.error().message();
    return !read ? "error" : !*read ? "none" : (*read)->file.filename().string() + ": " + (*read)->text;
  }
  fs::path folder_;
};

TEST_F(ChatTemplates, AreLookedForAsTransformersDoes) {
  EXPECT_EQ(found(), "none");
  write("tokenizer_config.json", R"({"chat_template":null})");
  EXPECT_EQ(found(), "none");
  write("tokenizer_config.json", R"({"chat_template":"c"})");
  EXPECT_EQ(found(), "tokenizer_config.json: c");
  write("processor_config.json", R"({"chat_template":"p"})");
  EXPECT_EQ(found(), "processor_config.json: p");
  write("chat_template.json", R"({"chat_template":"b"})");
  EXPECT_EQ(found(), "chat_template.json: b");
  write("chat_template.jinja", "a");
  EXPECT_EQ(found(), "chat_template.jinja: a");
}

TEST_F(ChatTemplates, OfSeveralTheDefaultIsTaken) {
  write("tokenizer_config.json",
        R"({"chat_template":[{"name":"tool_use","template":"t"},{"name":"default","template":"d"}]})");
  EXPECT_EQ(found(), "tokenizer_config.json: d");
  write("tokenizer_config.json", R"({"chat_template":{"rag":"r","default":"e"}})");
  EXPECT_EQ(found(), "tokenizer_config.json: e");
  write("tokenizer_config.json", R"({"chat_template":[{"name":"tool_use","template":"t"}]})");
  EXPECT_EQ(read_chat_template(folder_).error().kind, ErrorKind::missing);
  write("tokenizer_config.json", R"({"chat_template":5})");
  EXPECT_EQ(read_chat_template(folder_).error().kind, ErrorKind::wrong_type);
  write("chat_template.jinja", "\xff");
  EXPECT_EQ(read_chat_template(folder_).error().kind, ErrorKind::invalid_utf8);
}

TEST(NormalForm, DoesNotDependOnHowATemplateIsWritten) {
  const std::string plain = normal_form("{% for m in messages %}{{ 'USER: ' }}{{ m['text'] }}{% endfor %}a");
  for (const char* same : {"{%for m in messages%}USER: {{m[\"text\"]}}{%endfor%}a",
                           "{# all #}{%- for m in messages -%}\n  {{- 'USER: ' -}}\n  {{- m['text'] -}}\n{%- "
                           "endfor -%}\na\n",
                           "{% for m in messages %}\n{{ 'USER: ' }}{{ m[ 'text' ] }}{% endfor %}\na",
                           "{% for m in messages %}\n    {% generation %}\n{{ \"USER: \" }}{{ m['text'] "
                           "}}{% endgeneration %}\n{% endfor %}\na"}) {
    EXPECT_EQ(normal_form(same), plain) << same;
  }
  for (const char* other : {"{% for m in messages %}{{ 'USER:' }}{{ m['text'] }}{% endfor %}a",
                            "{% for m in messages %}\n\n{{ 'USER: ' }}{{ m['text'] }}{% endfor %}a",
                            "{% for m in messages %} {{ 'USER: ' }}{{ m['text'] }}{% endfor %}a",
                            "{% for m in messages %}{{ 'USER: ' }}{{ m['text'] | trim }}{% endfor %}a",
                            "{% form in messages %}{{ 'USER: ' }}{{ m['text'] }}{% endfor %}a",
                            "{% for m in messages %}{{ 'USER: ' }}{{ m[text] }}{% endfor %}a",
                            "{% for m in messages %}{{ 'USER: ' }}{{ m['text'] }}{% endfor %}"}) {
    EXPECT_NE(normal_form(other), plain) << other;
  }
}

TEST(NormalForm, ReadsWhatIsQuoted) {
  EXPECT_EQ(normal_form("{{ 'a\\n%}b' }}"), normal_form("{{ \"a\n%}b\" }}"));
  EXPECT_EQ(normal_form("{{ 'it\\'s' }}"), normal_form("it's"));
  EXPECT_NE(normal_form("{{ 'a' + 'b' }}"), normal_form("{{ 'a' }}"));
  // Text cannot stand for a tag.
  EXPECT_NE(normal_form("\1{m"), normal_form("{{ m }}"));
  EXPECT_NE(normal_form("{{ x "), normal_form("{{ x }}"));
}

}  // namespace
}  // namespace holisafe::checkpoint
