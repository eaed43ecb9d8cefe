// For tests: rows asked of a scripted server, over real sockets.
#pragma once

#include <string>
#include <utility>

#include <fmt/format.h>

#include "ask/ask.h"
#include "ask/endpoint.h"
#include "ask/endpoint_answerer.h"
#include "ask/memory_ledger.h"
#include "http/scripted_server.h"

namespace holisafe::ask {

inline constexpr const char* canary = "sk-canary-0123456789";

inline http::ClientOptions quick() {
  http::ClientOptions out;
  out.concurrency = 4;
  out.backoff = http::milliseconds(2);
  out.longest_backoff = http::milliseconds(10);
  out.time_limit = http::milliseconds(5000);
  return out;
}

inline Endpoint at(const http::ScriptedServer& server, const Provider& provider) {
  return std::move(*Endpoint::open(provider, {server.url(), "m", Json::object(), quick()},
                                   *http::Secret::from_text(canary, "t")));
}

inline std::string chat(const std::string& text) {
  return Json{{"choices", Json::array({Json{{"message", {{"content", text}}}, {"finish_reason", "stop"}}})}}
      .dump();
}

/// The row a chat request asks about.
inline int asked_row(const std::string& body) {
  const auto place = body.find("row ");
  return std::stoi(body.substr(place + 4));
}

inline std::string text_of_row(int row) { return fmt::format("answer {}", row); }

inline const OnProgress unheard = [](const AskEnd&) {};

inline Result<AskEnd> ask(const http::ScriptedServer& server, const Provider& provider, Ledger& ledger,
                          const StopFlag& stop) {
  EndpointAnswerer answerer(at(server, provider));
  return ask_all(answerer, ledger, unheard, stop);
}

}  // namespace holisafe::ask
