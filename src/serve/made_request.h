// For tests: requests as text, and pictures in them.
#pragma once

#include <span>
#include <string>

#include "base/hash.h"
#include "serve/request.h"

namespace holisafe::serve {

/// Bytes that begin as a PNG's do, and nothing more.
inline std::string png_bytes(const std::string& rest = "") { return "\x89PNG\r\n\x1a\n" + rest; }

inline std::string data_uri(const std::string& bytes, const std::string& type = "image/png") {
  return "data:" + type + ";base64," + base64(std::as_bytes(std::span(bytes)));
}

/// {"type": "image_url", "image_url": {"url": …}}.
inline std::string image_part(const std::string& bytes = png_bytes()) {
  return R"({"type": "image_url", "image_url": {"url": ")" + data_uri(bytes) + R"("}})";
}

/// A chat with these messages and more members.
inline std::string chat_of(const std::string& messages, const std::string& more = "") {
  return R"({"model": "m", "messages": )" + messages + (more.empty() ? "" : ", " + more) + "}";
}

/// A chat of one user message.
inline std::string chat_with(const std::string& more) {
  return chat_of(R"([{"role": "user", "content": "Hi"}])", more);
}

/// "code at param"; "fine" without a fault.
template <class T>
std::string outcome(const Answer<T>& answer) {
  if (answer) return "fine";
  const Fault& fault = answer.error();
  return std::string(name(fault.code)) + (fault.param ? " at " + *fault.param : "");
}

}  // namespace holisafe::serve
