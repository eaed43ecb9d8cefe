#include "http/server_body.h"

#include <algorithm>

namespace holisafe::http {
namespace {

constexpr std::size_t most_digits = 16;

/// -1: none.
int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_line_text(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= 0x20 && byte != 0x7f) || c == '\t';
}

bool is_name_text(char c) {
  const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return is_letter || (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
}

/// Memory grows with what came, not with what was promised, and ends at the promise.
void append_within(std::string& body, std::string_view data, std::uint64_t promised) {
  const std::size_t needed = body.size() + data.size();
  if (needed > body.capacity()) {
    const std::uint64_t most = std::max<std::uint64_t>(promised, needed);
    body.reserve(
        static_cast<std::size_t>(std::min<std::uint64_t>(most, std::max(needed, 2 * body.capacity()))));
  }
  body += data;
}

}  // namespace

BodyReader BodyReader::of_length(std::uint64_t bytes) {
  BodyReader out;
  out.state_ = bytes == 0 ? State::whole : State::data;
  out.left_ = out.length_ = bytes;
  return out;
}

BodyReader BodyReader::in_chunks(std::uint64_t max_bytes) {
  BodyReader out;
  out.state_ = State::size;
  out.is_chunked_ = true;
  out.room_ = out.length_ = max_bytes;
  return out;
}

BodyReader::Step BodyReader::read(std::string_view& input, std::string* body) {
  while (state_ != State::whole && !input.empty()) {
    Step step = Step::more;
    if (state_ == State::data) {
      step = take_data(input, body);
    } else {
      step = take(input.front());
      input.remove_prefix(1);
    }
    if (step != Step::more) return step;
  }
  return state_ == State::whole ? Step::whole : Step::more;
}

BodyReader::Step BodyReader::take_data(std::string_view& input, std::string* body) {
  const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
  if (body != nullptr) append_within(*body, input.substr(0, part), length_);
  input.remove_prefix(part);
  left_ -= part;
  if (left_ == 0) state_ = is_chunked_ ? State::data_cr : State::whole;
  return Step::more;
}

BodyReader::Step BodyReader::take(char c) {
  const auto expect = [&](char expected, State next) {
    state_ = next;
    return c == expected ? Step::more : Step::malformed;
  };
  switch (state_) {
    case State::size:
      return take_size(c);
    case State::extension:
      if (c == '\r') return expect('\r', State::size_end);
      return is_line_text(c) ? count_line(State::extension) : Step::malformed;
    case State::size_end:
      return c == '\n' ? end_of_size() : Step::malformed;
    case State::data_cr:
      return expect('\r', State::data_end);
    case State::data_end:
      return expect('\n', State::size);
    case State::line:
      if (c == '\r') return expect('\r', State::last_end);
      return is_name_text(c) ? count_line(State::field_name) : Step::malformed;
    case State::field_name:
      if (c == ':') return count_line(State::field_value);
      return is_name_text(c) ? count_line(State::field_name) : Step::malformed;
    case State::field_value:
      if (c == '\r') return expect('\r', State::field_end);
      return is_line_text(c) ? count_line(State::field_value) : Step::malformed;
    case State::field_end:
      return expect('\n', State::line);
    case State::last_end:
      return expect('\n', State::whole);
    case State::data:
    case State::whole:
      break;
  }
  return Step::malformed;
}

BodyReader::Step BodyReader::take_size(char c) {
  if (const int digit = hex_digit(c); digit >= 0) {
    if (++digits_ > most_digits) return Step::malformed;
    left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
    return Step::more;
  }
  if (digits_ == 0 || (c != '\r' && c != ';')) return Step::malformed;
  state_ = c == ';' ? State::extension : State::size_end;
  return Step::more;
}

BodyReader::Step BodyReader::end_of_size() {
  digits_ = 0;
  state_ = left_ == 0 ? State::line : State::data;
  if (left_ > room_) return Step::too_large;
  room_ -= left_;
  return Step::more;
}

BodyReader::Step BodyReader::count_line(State next) {
  state_ = next;
  return ++lines_ > max_lines ? Step::lines_too_long : Step::more;
}

}  // namespace holisafe::http
