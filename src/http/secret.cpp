#include "http/secret.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/escapes.h"
#include "base/file.h"
#include "base/text.h"

namespace holisafe::http {
namespace {

constexpr std::string_view mark = "[redacted]";
constexpr std::uint64_t largest_key = 64 << 10;

std::size_t backslashes(std::string_view text) { return std::min(text.find_first_not_of('\\'), text.size()); }

/// The first character of `key`, whole.
std::string_view character(std::string_view key) {
  std::size_t size = 1;
  while (size < key.size() && continues_character(key[size])) ++size;
  return key.substr(0, size);
}

/// Bytes at the beginning of `text` that spell `wanted`: plain, behind the backslashes of strings in strings
/// (`\"`, `\/`), or as `\uXXXX`; 0 where they spell something else.
std::size_t spelled(std::string_view text, std::string_view wanted) {
  const std::size_t escapes = backslashes(text);
  const std::string_view rest = text.substr(escapes);
  if (rest.starts_with(wanted)) return escapes + wanted.size();
  const EscapedCharacter found = escapes == 0 ? EscapedCharacter() : escaped_character(rest);
  return found.bytes > 0 && utf8_of(found.code) == wanted ? escapes + found.bytes : 0;
}

/// Bytes at the beginning of `text` that spell the key, with JSON's escapes in any place of it; 0 where they
/// do not. Backslashes of the key, of which any number may stand for one, are passed over on both sides.
std::size_t spelled_key(std::string_view text, std::string_view key) {
  const std::size_t whole = text.size();
  while (!key.empty()) {
    if (const std::size_t own = backslashes(key); own > 0) {
      if (!text.starts_with('\\')) return 0;
      while (const std::size_t bytes = spelled(text, "\\")) text.remove_prefix(bytes);
      key.remove_prefix(own);
      if (key.empty()) text.remove_prefix(backslashes(text));
      continue;
    }
    const std::string_view next = character(key);
    const std::size_t bytes = spelled(text, next);
    if (bytes == 0) return 0;
    text.remove_prefix(bytes);
    key.remove_prefix(next.size());
  }
  return whole - text.size();
}

}  // namespace

// A copy that is wiped: a short string that moves leaves its bytes where it was.
// NOLINTNEXTLINE(performance-move-constructor-init)
Secret::Secret(Secret&& other) noexcept : text_(other.text_) { other.wipe(); }

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    text_ = other.text_;
    other.wipe();
  }
  return *this;
}

Secret::~Secret() { wipe(); }

void Secret::wipe() noexcept {
  explicit_bzero(text_.data(), text_.size());
  text_.clear();
}

Result<Secret> Secret::from_text(std::string text, const std::string& where) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  Secret out;
  out.text_ = text;
  explicit_bzero(text.data(), text.size());
  if (out.empty()) return fail(ErrorKind::missing, "no key", where, "expected a key, found nothing");
  const bool control = std::any_of(out.text_.begin(), out.text_.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7f;
  });
  if (control) {
    return fail(ErrorKind::malformed, "invalid key", where,
                "expected one line of text, found a control character");
  }
  return out;
}

Result<Secret> Secret::from_file(const std::filesystem::path& path) {
  HOLISAFE_TRY(std::string text, read_file(path, largest_key));
  return from_text(std::move(text), path.string());
}

Result<Secret> Secret::from_environment(const char* variable) {
  const char* value = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): nothing here sets variables
  if (value == nullptr || *value == '\0') return Secret();
  return from_text(value, variable);
}

std::string Secret::redact(std::string text) const {
  if (empty()) return text;
  std::string out;
  std::string_view rest = text;
  while (!rest.empty()) {
    if (const std::size_t bytes = spelled_key(rest, text_); bytes > 0) {
      out += mark;
      rest.remove_prefix(bytes);
      continue;
    }
    // A run of backslashes is looked at once, from its beginning.
    const std::size_t passed = std::max<std::size_t>(1, backslashes(rest));
    out += rest.substr(0, passed);
    rest.remove_prefix(passed);
  }
  return out;
}

std::string Secret::redact_answer(std::string text) const {
  constexpr std::size_t ordinary_word = 12;
  return text_.size() < ordinary_word ? text : redact(std::move(text));
}

}  // namespace holisafe::http
