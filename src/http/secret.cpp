#include "http/secret.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/file.h"

namespace holisafe::http {
namespace {

constexpr std::string_view mark = "[redacted]";
constexpr std::uint64_t largest_key = 64 << 10;

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

/// The key inside a JSON string: quotes and backslashes escaped, and slashes where `slashes`.
std::string escaped(std::string_view key, bool slashes) {
  std::string out;
  for (const char c : key) {
    if (c == '"' || c == '\\' || (slashes && c == '/')) out += '\\';
    out += c;
  }
  return out;
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
  for (const auto& form : {text_, escaped(text_, false), escaped(text_, true)}) replace_all(text, form, mark);
  return text;
}

std::string Secret::redact_answer(std::string text) const {
  constexpr std::size_t ordinary_word = 12;
  return text_.size() < ordinary_word ? text : redact(std::move(text));
}

}  // namespace holisafe::http
