// The last look at a finished pair: length, language, and the same instruction twice for one image.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "construction/work.h"

namespace holisafe::construction {

/// What is wrong with the lengths; empty where nothing is. An instruction has 3 to 1,000 characters, a
/// response (where there is one) 3 to 8,000.
std::string length_fault(std::string_view instruction, std::string_view response);

/// Whether a language is known: ISO 639-1, what follows a dash left aside.
bool is_known_language(std::string_view code);
std::vector<std::string_view> known_languages();

/// What is wrong with the language; empty where nothing is, where `code` is empty, and where it cannot be
/// told with certainty. Told are scripts (four fifths of at least eight letters belong to one that the
/// language does not use), and among languages in Latin script their most frequent words.
std::string language_fault(std::string_view instruction, std::string_view response, std::string_view code);

/// Finds instructions that an image has had already, pair by pair in the order of ids. Case of ASCII letters
/// and white space make no difference. Takes 16 bytes and what a hash set needs a pair.
class Duplicates {
 public:
  /// Whether an earlier pair of the image was given with the same instruction; else it is remembered.
  bool add(std::int64_t image, std::string_view instruction);

 private:
  struct Hash {
    std::size_t operator()(const std::pair<std::int64_t, std::uint64_t>& key) const {
      return static_cast<std::size_t>(key.second ^ static_cast<std::uint64_t>(key.first));
    }
  };
  std::unordered_set<std::pair<std::int64_t, std::uint64_t>, Hash> seen_;
};

}  // namespace holisafe::construction
