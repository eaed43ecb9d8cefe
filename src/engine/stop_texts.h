// Texts that end an answer, in text that comes in pieces.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace holisafe::engine {

/// Lets text through up to the first of several texts, and holds back what may yet turn out to be the
/// beginning of one.
class StopTexts {
 public:
  /// Empty ones are passed over.
  explicit StopTexts(const std::vector<std::string>& texts);

  /// What is certain after one more piece; nothing once one of the texts was met.
  std::string push(std::string_view piece);
  /// What is still held back, at the end.
  std::string finish();
  [[nodiscard]] bool met() const { return met_; }

 private:
  std::vector<std::string> texts_;
  std::string held_;
  bool met_ = false;
};

}  // namespace holisafe::engine
