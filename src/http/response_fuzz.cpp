#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/escapes.h"
#include "base/text.h"
#include "http/retry.h"
#include "http/said.h"
#include "http/secret.h"

namespace http = holisafe::http;

// The input is a body without an answer, and the value of a header that says how long to wait.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const http::Secret key = *http::Secret::from_text("k+e/y\\\"", "fuzz");
  const std::string body(reinterpret_cast<const char*>(data), size);
  const std::string clean = key.redact(body);
  if (clean.find(key.reveal()) != std::string::npos) std::abort();
  static_cast<void>(http::unescaped(body));
  std::string whole = body;
  holisafe::replace_half_pairs(whole);
  if (whole.size() != size) std::abort();
  static_cast<void>(http::page_name(body));
  if (holisafe::is_utf8(body) && !holisafe::is_utf8(holisafe::excerpt(body, 8))) std::abort();
  for (const char* name : {"retry-after-ms", "x-ratelimit-reset-tokens"}) {
    const std::pair<std::string, std::string> header{name, body};
    if (http::asked_wait({&header, 1}, 0, true).count() < 0) std::abort();
  }
  return 0;
}
