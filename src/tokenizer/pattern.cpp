#include "tokenizer/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <array>
#include <cstdint>
#include <utility>

#include <pcre2.h>

#include "tokenizer/aligned_text.h"

namespace holisafe::tokenizer {
namespace {

constexpr std::size_t first_stack = std::size_t{32} << 10;
constexpr std::size_t largest_stack = std::size_t{64} << 20;
constexpr std::uint32_t largest_heap_kib = 256 << 10;

template <class T>
using Owned = std::unique_ptr<T, void (*)(T*)>;

/// PCRE2's \s takes U+180E, the tokenizers library's does not: \s is spelled out.
std::string spelled_out(std::string_view pattern) {
  std::string out;
  bool in_class = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\' && i + 1 < pattern.size()) {
      const char next = pattern[++i];
      const std::string space = R"(\t-\r\x{85}\p{Z})";
      if (next == 's')
        out += in_class ? space : "[" + space + "]";
      else if (next == 'S' && !in_class)
        out += "[^" + space + "]";
      else
        out += {'\\', next};
      continue;
    }
    if (pattern[i] == '[') in_class = true;
    if (pattern[i] == ']') in_class = false;
    out += pattern[i];
  }
  return out;
}

std::string words_of(int code) {
  std::array<PCRE2_UCHAR, 200> words{};
  pcre2_get_error_message(code, words.data(), words.size());
  return reinterpret_cast<const char*>(words.data());
}

/// The bounds of a match. The compiled code's stack may serve one thread at a time.
class Bounds {
 public:
  Bounds()
      : stack_(pcre2_jit_stack_create(first_stack, largest_stack, nullptr), pcre2_jit_stack_free),
        context_(pcre2_match_context_create(nullptr), pcre2_match_context_free) {
    if (context_ == nullptr) return;
    pcre2_set_heap_limit(context_.get(), largest_heap_kib);
    if (stack_ != nullptr) pcre2_jit_stack_assign(context_.get(), nullptr, stack_.get());
  }
  [[nodiscard]] pcre2_match_context* get() const { return context_.get(); }

 private:
  Owned<pcre2_jit_stack> stack_;
  Owned<pcre2_match_context> context_;
};

}  // namespace

/// Where a match stands.
struct Pattern::Found {
  explicit Found(const pcre2_code* code)
      : data(pcre2_match_data_create_from_pattern(code, nullptr), pcre2_match_data_free) {}
  [[nodiscard]] Span span() const {
    const PCRE2_SIZE* const bounds = pcre2_get_ovector_pointer(data.get());
    return {bounds[0], bounds[1]};
  }
  Owned<pcre2_match_data> data;
};

Result<Pattern> Pattern::compile(std::string_view pattern, std::string file) {
  const std::string text = spelled_out(pattern);
  int code = 0;
  PCRE2_SIZE offset = 0;
  Pattern out;
  out.text_ = pattern;
  out.file_ = std::move(file);
  out.code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &code, &offset, nullptr),
                  pcre2_code_free);
  if (out.code_ == nullptr)
    return fail(ErrorKind::malformed, "bad pattern in " + out.file_, out.text_, words_of(code));
  pcre2_jit_compile(out.code_.get(), PCRE2_JIT_COMPLETE);
  return out;
}

Result<bool> Pattern::match(std::string_view text, std::size_t at, Found& found) const {
  thread_local const Bounds bounds;
  const auto run = [&](std::uint32_t options) {
    return pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at,
                       PCRE2_NO_UTF_CHECK | options, found.data.get(), bounds.get());
  };
  int code = run(0);
  // The interpreter keeps on the heap what the compiled code keeps on its stack.
  if (code == PCRE2_ERROR_JIT_STACKLIMIT) code = run(PCRE2_NO_JIT);
  if (code > 0) return true;
  if (code == PCRE2_ERROR_NOMATCH) return false;
  return fail(ErrorKind::too_large, "cannot match a pattern of " + file_, text_,
              "on a text of " + std::to_string(text.size()) + " bytes: " + words_of(code));
}

Result<std::vector<Span>> Pattern::matches(std::string_view text) const {
  Found found(code_.get());
  std::vector<Span> out;
  std::size_t at = 0;
  while (at < text.size()) {
    HOLISAFE_TRY(const bool any, match(text, at, found));
    if (!any) break;
    const Span span = found.span();
    if (span.end > span.begin) out.push_back(span);
    at = span.end > at ? span.end : at + character_size(text[at]);
  }
  return out;
}

Result<bool> Pattern::found_in(std::string_view text) const {
  Found found(code_.get());
  return match(text, 0, found);
}

}  // namespace holisafe::tokenizer
