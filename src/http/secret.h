// A key that must reach one place only: the header of a request.
#pragma once

#include <filesystem>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "base/result.h"

namespace holisafe::http {

/// An API key. Movable, never copied; no stream and no formatter prints it; its memory is wiped when it goes.
class Secret {
 public:
  Secret() = default;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();

  /// Newlines at the end are cut off. Errors: missing (nothing left), malformed (a control character inside,
  /// which no header can carry). `where` names the source in errors; the text never appears in them.
  static Result<Secret> from_text(std::string text, const std::string& where);
  /// Errors: those of read_file() and of from_text().
  static Result<Secret> from_file(const std::filesystem::path& path);
  /// An empty Secret where the variable is unset or empty.
  static Result<Secret> from_environment(const char* variable);

  [[nodiscard]] bool empty() const { return text_.empty(); }
  /// The key itself, for the one who sends it.
  [[nodiscard]] const std::string& reveal() const { return text_; }

  /// `text` with every occurrence of the key replaced by "[redacted]", plain or with any of its characters as
  /// JSON's strings may escape them (`\/`, `\u002b`), also in strings within strings.
  [[nodiscard]] std::string redact(std::string text) const;
  /// The same for what must otherwise stay as it is, such as a model's answer: a short key (some servers want
  /// a word like "test") is also ordinary text, so only keys of 12 bytes and more are taken out.
  [[nodiscard]] std::string redact_answer(std::string text) const;

  friend std::ostream& operator<<(std::ostream&, const Secret&) = delete;

 private:
  void wipe() noexcept;
  std::string text_;
};

}  // namespace holisafe::http
