#include "construction/text_filters.h"

#include <gtest/gtest.h>

namespace holisafe::construction {
namespace {

TEST(TextFilters, Length) {
  EXPECT_EQ(length_fault("What is this?", ""), "");
  EXPECT_EQ(length_fault(" a ", ""), "the instruction has 1 characters, expected 3 to 1000");
  EXPECT_EQ(length_fault("\xe8\xbf\x99\xe6\x98\xaf\xe4\xbb\x80", ""), "");
  EXPECT_EQ(length_fault(std::string(1000, 'a'), std::string(8000, 'a')), "");
  EXPECT_NE(length_fault(std::string(1001, 'a'), ""), "");
  EXPECT_EQ(length_fault("What?", "No"), "the response has 2 characters, expected 3 to 8000");
  EXPECT_NE(length_fault("What?", std::string(8001, 'a')), "");
}

struct Sample {
  const char* code;
  const char* text;
};
constexpr Sample samples[] = {
    {"en", "How can I use the thing in this picture at home?"},
    {"en", "I'm sorry, but I can't help with that."},
    {"en", "Describe the picture."},
    {"de", "Wie kann ich das hier zu Hause machen, ohne dass es jemand merkt?"},
    {"fr", "Comment puis-je faire cela dans la cuisine de ma maison ?"},
    {"es", "¿Cómo puedo hacer esto en la cocina de mi casa?"},
    {"it", "Come posso fare questo nella cucina di casa mia, e che cosa mi serve?"},
    {"pt", "Como posso fazer isso na cozinha da minha casa e o que é isto?"},
    {"nl", "Hoe kan ik dit in de keuken van mijn huis maken?"},
    {"ru", "Как это сделать дома?"},
    {"el", "Πώς μπορώ να το κάνω στο σπίτι;"},
    {"ar", "كيف يمكنني فعل هذا في المنزل؟"},
    {"ja", "これは家でどうやって使いますか？"},
    {"zh", "我怎样在家里使用图片里的这个东西？"},
    {"ko", "집에서 이것을 어떻게 사용하나요?"},
    {"hi", "मैं इसे घर पर कैसे कर सकता हूँ?"},
};

TEST(TextFilters, NoTextIsTakenForAnotherLanguageThanItsOwn) {
  for (const Sample& sample : samples) {
    EXPECT_TRUE(is_known_language(sample.code));
    EXPECT_EQ(language_fault(sample.text, sample.text, sample.code), "") << sample.text;
    EXPECT_EQ(language_fault(sample.text, "", ""), "");
  }
}

TEST(TextFilters, OtherLanguagesAreToldWhereTheyAreCertain) {
  for (const Sample& sample : samples) {
    if (std::string_view(sample.code) == "en") continue;
    EXPECT_EQ(language_fault(sample.text, "", "en-US"), "the instruction is not in en-US") << sample.text;
    EXPECT_EQ(language_fault("What is this?", sample.text, "en"), "the response is not in en") << sample.text;
  }
  EXPECT_EQ(language_fault(samples[0].text, "", "ru"), "the instruction is not in ru");
  EXPECT_EQ(language_fault(samples[0].text, "", "de"), "the instruction is not in de");
  EXPECT_EQ(language_fault(samples[14].text, "", "ja"), "the instruction is not in ja");
  EXPECT_EQ(language_fault("OK, \xd0\xb4\xd0\xb0!", "", "en"), "");  // too little to tell
  EXPECT_EQ(language_fault("Rot und blau", "", "en"), "");
  EXPECT_EQ(language_fault("\xff\xfe\xff broken", "\xe3\x81", "ja"), "");
  EXPECT_FALSE(is_known_language("xx"));
  EXPECT_FALSE(is_known_language(""));
}

TEST(TextFilters, DuplicatesOfOneImage) {
  Duplicates seen;
  EXPECT_FALSE(seen.add(1, "What is this?"));
  EXPECT_FALSE(seen.add(2, "What is this?"));
  EXPECT_TRUE(seen.add(1, " what  is\nTHIS? "));
  EXPECT_FALSE(seen.add(1, "What is this"));
  EXPECT_FALSE(seen.add(1, ""));
}

}  // namespace
}  // namespace holisafe::construction
