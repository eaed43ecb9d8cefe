#include "construction/text_filters.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "base/hash.h"
#include "base/text.h"

namespace holisafe::construction {
namespace {

enum class Script { latin, greek, cyrillic, hebrew, arabic, devanagari, thai, hangul, kana, han };
constexpr std::size_t script_count = 10;

struct Range {
  char32_t first;
  char32_t last;
  Script script;
};
constexpr std::array<Range, 18> ranges{{
    {0x41, 0x5a, Script::latin},
    {0x61, 0x7a, Script::latin},
    {0xc0, 0x24f, Script::latin},
    {0x370, 0x3ff, Script::greek},
    {0x400, 0x52f, Script::cyrillic},
    {0x590, 0x5ff, Script::hebrew},
    {0x600, 0x6ff, Script::arabic},
    {0x750, 0x77f, Script::arabic},
    {0x900, 0x97f, Script::devanagari},
    {0xe00, 0xe7f, Script::thai},
    {0x1100, 0x11ff, Script::hangul},
    {0x1e00, 0x1eff, Script::latin},
    {0x3040, 0x30ff, Script::kana},
    {0x3130, 0x318f, Script::hangul},
    {0x3400, 0x4dbf, Script::han},
    {0x4e00, 0x9fff, Script::han},
    {0xac00, 0xd7a3, Script::hangul},
    {0xfb1d, 0xfdff, Script::arabic},
}};

/// A language: its code, the script that most of its letters belong to, one that it uses beside, and
/// (in Latin script) words that hardly a sentence is without. Words that several languages have stand in the
/// lists of all.
struct Language {
  std::string_view code;
  Script script;
  std::optional<Script> beside = std::nullopt;
  std::string_view words = {};
};
constexpr std::array<Language, 18> languages{{
    {"en", Script::latin, std::nullopt,
     " a the and of to is in it you that this for are on with as what how can i be have do from they my here "
     "was not your would should there by or an at we if which could will me about these "},
    {"de", Script::latin, std::nullopt,
     " in der die das und ist nicht ich sie es ein eine einen mit auf wie was kann zu den dem von hier wird "
     "für "
     "im auch man diese dieser dieses mir wo bei am oder wenn so sind "},
    {"fr", Script::latin, std::nullopt,
     " le la les des une un est je vous dans pour que qui avec sur ce cette ces ceci comment quoi pas ne du "
     "au et il elle on puis peut à de en mon ma ici quel quelle faire plus où "},
    {"es", Script::latin, std::nullopt,
     " el la los las un una es que de en y por para con no se lo cómo qué como puedo esto este esta aquí mi "
     "su hay del al más está son le me "},
    {"it", Script::latin, std::nullopt,
     " il lo la i gli le un una è che di in e per con non si come cosa posso questo questa qui mio sua ci "
     "del della al dei più sono mi da nel "},
    {"pt", Script::latin, std::nullopt,
     " o a os as um uma é que de em e por para com não se como posso isto isso este esta aqui meu sua do da "
     "no na mais são ao dos me eu "},
    {"nl", Script::latin, std::nullopt,
     " de het een en is niet ik je dat dit van in op met hoe wat kan voor te zijn hier naar deze die aan er "
     "ook om bij of mijn worden "},
    {"el", Script::greek},
    {"ru", Script::cyrillic},
    {"uk", Script::cyrillic},
    {"he", Script::hebrew},
    {"ar", Script::arabic},
    {"fa", Script::arabic},
    {"hi", Script::devanagari},
    {"th", Script::thai},
    {"ko", Script::hangul, Script::han},
    {"ja", Script::kana, Script::han},
    {"zh", Script::han},
}};

const Language* find_language(std::string_view code) {
  const std::string wanted = ascii_lower(code.substr(0, std::min(code.find_first_of("-_"), code.size())));
  const auto place = std::find_if(languages.begin(), languages.end(),
                                  [&](const Language& each) { return each.code == wanted; });
  return place == languages.end() ? nullptr : &*place;
}

/// The character at the start of `text`, which has `length` bytes.
char32_t character(std::string_view text, std::size_t length) {
  const auto first = static_cast<unsigned char>(text.front());
  constexpr std::array<unsigned, 5> kept_bits = {0, 0x7f, 0x1f, 0x0f, 0x07};
  char32_t out = first & kept_bits[length];
  for (std::size_t i = 1; i < length; ++i) out = (out << 6U) | (static_cast<unsigned char>(text[i]) & 0x3fU);
  return out;
}

std::size_t character_count(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues_character(c); }));
}

using Letters = std::array<std::size_t, script_count>;

Letters letters_in(std::string_view text) {
  Letters out{};
  while (!text.empty()) {
    const std::size_t length = std::max<std::size_t>(utf8_length(text), 1);
    const char32_t c = character(text, length);
    const auto range = std::find_if(ranges.begin(), ranges.end(),
                                    [c](const Range& each) { return c >= each.first && c <= each.last; });
    if (range != ranges.end()) ++out[static_cast<std::size_t>(range->script)];
    text.remove_prefix(length);
  }
  return out;
}

/// Whether most letters belong to scripts that the language does not use. Han alone may be Japanese.
bool is_other_script(const Letters& letters, const Language& language) {
  constexpr std::size_t fewest = 8;
  std::size_t all = 0;
  std::size_t own = 0;
  for (std::size_t i = 0; i < letters.size(); ++i) {
    const auto script = static_cast<Script>(i);
    all += letters[i];
    if (script == language.script || script == language.beside) own += letters[i];
  }
  return all >= fewest && own * 5 <= all;
}

/// The words of a text in lower case, each between spaces.
std::vector<std::string> words_of_text(std::string_view text) {
  std::vector<std::string> out;
  std::string word = " ";
  const auto end_word = [&] {
    if (word.size() > 1) out.push_back(word + ' ');
    word = " ";
  };
  for (const char c : text) {
    const char lower = ascii_lower(c);
    const bool letter = (lower >= 'a' && lower <= 'z') || static_cast<unsigned char>(c) >= 0x80;
    if (letter) word += lower;
    if (!letter) end_word();
  }
  end_word();
  return out;
}

/// Whether frequent words tell another language of Latin script: several of its own, hardly one of this.
bool is_other_latin(std::string_view text, const Language& language) {
  constexpr std::size_t enough = 3;
  std::array<std::size_t, languages.size()> hits{};
  for (const std::string& word : words_of_text(text)) {
    for (std::size_t i = 0; i < languages.size(); ++i)
      hits[i] += languages[i].words.find(word) != std::string_view::npos ? 1 : 0;
  }
  const std::size_t own = hits[static_cast<std::size_t>(&language - languages.data())];
  const std::size_t best = *std::max_element(hits.begin(), hits.end());
  return best >= enough && own * 4 <= best;
}

bool is_other_language(std::string_view text, const Language& language) {
  if (is_other_script(letters_in(text), language)) return true;
  return language.script == Script::latin && is_other_latin(text, language);
}

/// What is wrong with one text's length.
std::string fault_of_length(std::string_view what, std::string_view text, std::size_t most) {
  constexpr std::size_t fewest = 3;
  const std::size_t found = character_count(strip(text));
  if (found >= fewest && found <= most) return {};
  return fmt::format("the {} has {} characters, expected {} to {}", what, found, fewest, most);
}

}  // namespace

std::string length_fault(std::string_view instruction, std::string_view response) {
  constexpr std::size_t most_instruction = 1000;
  constexpr std::size_t most_response = 8000;
  std::string out = fault_of_length("instruction", instruction, most_instruction);
  if (out.empty() && !response.empty()) out = fault_of_length("response", response, most_response);
  return out;
}

bool is_known_language(std::string_view code) { return find_language(code) != nullptr; }

std::vector<std::string_view> known_languages() {
  std::vector<std::string_view> out;
  for (const Language& each : languages) out.push_back(each.code);
  return out;
}

std::string language_fault(std::string_view instruction, std::string_view response, std::string_view code) {
  const Language* language = code.empty() ? nullptr : find_language(code);
  if (language == nullptr) return {};
  if (is_other_language(instruction, *language)) return fmt::format("the instruction is not in {}", code);
  if (is_other_language(response, *language)) return fmt::format("the response is not in {}", code);
  return {};
}

bool Duplicates::add(std::int64_t image, std::string_view instruction) {
  std::string text;
  for (std::string_view rest = strip(instruction); !rest.empty();) {
    if (const std::size_t space = white_space(rest); space > 0) {
      if (!text.empty() && text.back() != ' ') text += ' ';
      rest.remove_prefix(space);
      continue;
    }
    text += ascii_lower(rest.front());
    rest.remove_prefix(1);
  }
  const Digest digest = sha256(text);
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof number; ++i)
    number = (number << 8U) | std::to_integer<std::uint64_t>(digest[i]);
  return !seen_.emplace(image, number).second;
}

}  // namespace holisafe::construction
