// A request under way, and what libcurl calls while it is.
#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include <curl/curl.h>

#include "http/client.h"
#include "http/header_list.h"

namespace holisafe::http {

/// One request from submit() to its end, through all its tries.
struct Transfer {
  Request request;
  Client::Done done;
  unsigned tries = 0;
  unsigned hops = 0;  ///< redirections followed
  // of the present try
  CURL* easy = nullptr;
  HeaderList headers;
  std::size_t body_sent = 0;
  Response response;
  std::uint64_t max_body = 0;
  std::uint64_t max_header_bytes = 0;
  std::uint64_t header_bytes = 0;
  bool over_limit = false;
  std::array<char, CURL_ERROR_SIZE> words = {};  ///< libcurl's, about a fault

  Transfer(Request request_in, Client::Done done_in)
      : request(std::move(request_in)), done(std::move(done_in)) {}
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer() { end_try(); }

  void end_try();
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
  /// Called with each line of a header or trailer, its end included; the lines of an earlier response ("100
  /// Continue") go, but count.
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
  /// The body goes out through a callback that cannot be rewound: libcurl must not repeat a request by
  /// itself, as it does on a kept connection that died, for every try is counted here.
  static std::size_t on_send(char* data, std::size_t size, std::size_t count, void* self);
};

}  // namespace holisafe::http
