// For tests: chats with a picture of a real file, as a proxy reads them.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "base/file.h"
#include "base/hash.h"
#include "serve/request.h"

namespace holisafe::serve {

inline const std::filesystem::path pictures =
    std::filesystem::path(HOLISAFE_SOURCE_DIR) / "src/image/testdata";

inline std::string picture(const char* name) { return read_file(pictures / name).value(); }

inline ChatRequest request_of(const std::string& body) {
  return read_chat_for_upstream(body, {}, {}).value();
}

inline std::string image_request(const std::string& bytes, bool stream = false) {
  const std::string uri = "data:image/x-anything;base64," + base64(std::as_bytes(std::span(bytes)));
  return R"({"model":"m","stream":)" + std::string(stream ? "true" : "false") +
         R"(,"seed":7,"messages":[{"role":"user","content":[{"type":"text","text":"What?"},{"type":"image_url","image_url":{"url":")" +
         uri + R"(","detail":"low"}}]}]})";
}

}  // namespace holisafe::serve
