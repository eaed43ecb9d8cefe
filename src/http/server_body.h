// A request's body, out of a connection's bytes: of a length, or in chunks. Every byte is looked at once, and
// what stands around the data is kept nowhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace holisafe::http {

class BodyReader {
 public:
  enum class Step {
    more,
    whole,
    malformed,
    too_large,       ///< more data than the limit
    lines_too_long,  ///< chunks' extensions and trailing fields together
  };

  BodyReader() = default;
  static BodyReader of_length(std::uint64_t bytes);
  static BodyReader in_chunks(std::uint64_t max_bytes);

  /// Takes from the front of `input` what belongs to the body, and appends its data to `body`, or to nothing.
  Step read(std::string_view& input, std::string* body);

  /// Extensions of chunks and trailing fields of one request may have so many bytes: nobody sends them, but
  /// who wants to be a burden.
  static constexpr std::size_t max_lines = std::size_t{8} << 10;

 private:
  enum class State {
    size,         ///< a chunk's
    extension,    ///< behind it, to CR
    size_end,     ///< LF
    data,         ///< of a chunk, or of a length
    data_cr,      ///< after a chunk's
    data_end,     ///< LF
    line,         ///< a trailing field's first byte, or the last CR
    field_name,   ///< to the colon
    field_value,  ///< to CR
    field_end,    ///< LF
    last_end,     ///< LF
    whole,
  };

  Step take_data(std::string_view& input, std::string* body);
  Step take(char c);
  Step take_size(char c);
  Step end_of_size();
  Step count_line(State next);

  State state_ = State::whole;
  bool is_chunked_ = false;
  std::uint64_t left_ = 0;  ///< of a chunk, or of the length; while a size is read: the size so far
  std::uint64_t room_ = 0;  ///< for chunks to come
  std::uint64_t length_ = 0;
  std::size_t digits_ = 0;
  std::size_t lines_ = 0;
};

}  // namespace holisafe::http
