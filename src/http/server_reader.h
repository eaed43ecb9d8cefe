// Reads requests out of the bytes of one connection, as they come, and judges them: what is not HTTP/1.1 to
// the letter is a fault, and no input makes it hold more than the limits say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/server.h"
#include "http/server_body.h"

namespace holisafe::http {

/// One request after the other. Not thread-safe.
class RequestReader {
 public:
  enum class Step {
    more,   ///< all of `input` that belongs to the request was looked at; more has to come
    head,   ///< the head is there, said once; the body is read by the next calls
    whole,  ///< the request is there; reset() before the next
    fault,  ///< see fault(); what follows on this connection has no meaning
  };

  RequestReader(std::size_t max_header_bytes, std::uint64_t max_body_bytes);
  ~RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  /// Takes from the front of `input` what belongs to the request. What it leaves there while more has to come
  /// is part of a head, within its limit.
  Step read(std::string& input);
  /// Makes ready for the next request.
  void reset();
  /// The rest of the body is read and not kept.
  void drop_body() { drops_body_ = true; }

  /// Its body is empty until it is whole.
  [[nodiscard]] const ServerRequest& request() const { return request_; }
  /// The request with its body.
  [[nodiscard]] ServerRequest take();
  [[nodiscard]] ServerFault fault() const { return fault_; }
  /// Whether a byte of the request came (empty lines before it are none).
  [[nodiscard]] bool begun() const { return started_ || at_ > line_; }

  // Of a request whose head is there.
  [[nodiscard]] bool is_http11() const { return http11_; }
  [[nodiscard]] bool keeps_connection() const { return keeps_; }
  [[nodiscard]] bool waits_for_continue() const { return continue_; }
  [[nodiscard]] std::size_t held_bytes() const { return body_.size(); }  ///< of the body, so far
  /// Bytes of the body; nothing where it comes in chunks.
  [[nodiscard]] std::optional<std::uint64_t> body_bytes() const { return body_bytes_; }

 private:
  class Parser;

  Step failed(ServerFault fault);
  Step read_head(std::string& input);
  Step read_body(std::string& input);
  bool parse_first_line(std::string_view line);
  Step parse_fields(std::string_view fields);

  std::size_t max_header_bytes_;
  std::uint64_t max_body_bytes_;
  std::unique_ptr<Parser> parser_;  ///< of the head
  ServerRequest request_;
  BodyReader body_reader_;
  std::string body_;
  ServerFault fault_ = ServerFault::malformed;
  std::size_t at_ = 0;      ///< bytes of `input` that were looked at
  std::size_t line_ = 0;    ///< where the line begins that `at_` is in
  std::size_t fields_ = 0;  ///< where the first header begins
  bool started_ = false;    ///< the request line is there
  bool head_done_ = false;
  bool drops_body_ = false;
  bool http11_ = false;
  bool keeps_ = false;
  bool continue_ = false;
  std::optional<std::uint64_t> body_bytes_;
};

}  // namespace holisafe::http
