#include "http/server_reader.h"

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <utility>

namespace holisafe::http {
namespace {

namespace bh = boost::beast::http;
using boost::beast::error_code;
using Piece = boost::beast::string_view;

std::string text_of(Piece piece) { return {piece.data(), piece.size()}; }

std::string lower_case(Piece piece) {
  std::string out = text_of(piece);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

bool is_number(Piece piece) {
  return !piece.empty() &&
         std::all_of(piece.begin(), piece.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Whether the byte at `at` may stand there in a head whose line begins at `line`: no control character, no
/// end of line but CR LF, and no space at a line's beginning (obsolete folding).
bool may_stand(const std::string& text, std::size_t at, std::size_t line) {
  const auto c = static_cast<unsigned char>(text[at]);
  const bool after_cr = at > line && text[at - 1] == '\r';
  if (after_cr != (c == '\n')) return false;
  if (c == ' ' || c == '\t') return at > line;
  return (c > 0x20 && c != 0x7f) || c == '\r' || c == '\n';
}

}  // namespace

/// Beast's grammar of a head, with the rules beside it that keep two readers of one request from reading two.
class RequestReader::Parser final : public bh::basic_parser<true> {
 public:
  explicit Parser(RequestReader& reader) : reader_(reader) {
    header_limit(0xffffffff);  // counted by the reader
    skip(true);                // what follows the head is the reader's
  }

 private:
  static void refuse(error_code& ec) { ec = bh::error::bad_value; }

  void on_request_impl(bh::verb /*verb*/, Piece method, Piece target, int version, error_code& ec) override {
    ServerRequest& request = reader_.request_;
    request.method = text_of(method);
    request.path = text_of(target);
    if (const auto mark = request.path.find('?'); mark != std::string::npos) {
      request.query = request.path.substr(mark + 1);
      request.path.resize(mark);
    }
    if (request.path.empty()) return refuse(ec);
    reader_.http11_ = version >= 11;
  }

  void on_response_impl(int /*status*/, Piece /*reason*/, int /*version*/, error_code& ec) override {
    refuse(ec);
  }

  void on_field_impl(bh::field field, Piece name, Piece value, error_code& ec) override {
    ServerRequest& request = reader_.request_;
    const bool has_length = request.count("content-length") > 0;
    const bool has_encoding = request.count("transfer-encoding") > 0;
    if (field == bh::field::content_length && (has_length || has_encoding || !is_number(value)))
      return refuse(ec);
    if (field == bh::field::transfer_encoding &&
        (has_length || has_encoding || !reader_.http11_ || !boost::beast::iequals(value, "chunked"))) {
      return refuse(ec);
    }
    if (field == bh::field::host && request.count("host") > 0) return refuse(ec);
    if (field == bh::field::expect && reader_.http11_ && boost::beast::iequals(value, "100-continue")) {
      reader_.continue_ = true;
    }
    request.headers.emplace_back(lower_case(name), text_of(value));
  }

  void on_header_impl(error_code& ec) override {
    if (reader_.http11_ && reader_.request_.count("host") == 0) refuse(ec);
  }

  void on_body_init_impl(const boost::optional<std::uint64_t>& /*length*/, error_code& /*ec*/) override {}

  std::size_t on_body_impl(Piece /*piece*/, error_code& /*ec*/) override { return 0; }

  void on_chunk_header_impl(std::uint64_t /*size*/, Piece /*extensions*/, error_code& /*ec*/) override {}

  std::size_t on_chunk_body_impl(std::uint64_t /*remain*/, Piece /*piece*/, error_code& /*ec*/) override {
    return 0;
  }

  void on_finish_impl(error_code& /*ec*/) override {}

  RequestReader& reader_;
};

RequestReader::RequestReader(std::size_t max_header_bytes, std::uint64_t max_body_bytes)
    : max_header_bytes_(max_header_bytes), max_body_bytes_(max_body_bytes) {
  reset();
}

RequestReader::~RequestReader() = default;

void RequestReader::reset() {
  request_ = {};
  body_ = {};
  at_ = line_ = fields_ = 0;
  started_ = head_done_ = drops_body_ = http11_ = keeps_ = continue_ = false;
  body_bytes_.reset();
  parser_ = std::make_unique<Parser>(*this);
}

ServerRequest RequestReader::take() {
  request_.body = std::move(body_);
  return std::move(request_);
}

RequestReader::Step RequestReader::read(std::string& input) {
  return head_done_ ? read_body(input) : read_head(input);
}

RequestReader::Step RequestReader::failed(ServerFault fault) {
  fault_ = fault;
  return Step::fault;
}

// The first line is parsed when it is there, so that what is no HTTP is told at once; the headers when all
// are.
RequestReader::Step RequestReader::read_head(std::string& input) {
  if (!begun() && at_ < input.size()) request_.begun = std::chrono::steady_clock::now();
  while (at_ < input.size()) {
    if (at_ >= max_header_bytes_) return failed(ServerFault::head_too_large);
    if (!may_stand(input, at_, line_)) return failed(ServerFault::malformed);
    if (input[at_++] != '\n') continue;
    const std::string_view line = std::string_view(input).substr(line_, at_ - line_);
    line_ = at_;
    const bool is_empty = line.size() == 2;
    if (!started_) {
      if (is_empty) continue;  // some clients end a body with an empty line too many
      if (!parse_first_line(line)) return failed(ServerFault::malformed);
      started_ = true;
      fields_ = at_;
    } else if (is_empty) {
      const Step step = parse_fields(std::string_view(input).substr(fields_, at_ - fields_));
      input.erase(0, at_);
      return step;
    }
  }
  return Step::more;
}

bool RequestReader::parse_first_line(std::string_view line) {
  error_code ec;
  const std::size_t taken = parser_->put({line.data(), line.size()}, ec);
  return taken == line.size() && ec == bh::error::need_more;
}

RequestReader::Step RequestReader::parse_fields(std::string_view fields) {
  error_code ec;
  parser_->put({fields.data(), fields.size()}, ec);
  if (ec || !parser_->is_header_done()) return failed(ServerFault::malformed);
  head_done_ = true;
  keeps_ = parser_->keep_alive();
  if (parser_->chunked()) {
    body_reader_ = BodyReader::in_chunks(max_body_bytes_);
    return Step::head;
  }
  body_bytes_ = parser_->content_length().value_or(0);
  if (*body_bytes_ > max_body_bytes_) return failed(ServerFault::body_too_large);
  body_reader_ = BodyReader::of_length(*body_bytes_);
  return Step::head;
}

RequestReader::Step RequestReader::read_body(std::string& input) {
  std::string_view rest = input;
  const BodyReader::Step step = body_reader_.read(rest, drops_body_ ? nullptr : &body_);
  input.erase(0, input.size() - rest.size());
  switch (step) {
    case BodyReader::Step::more:
      return Step::more;
    case BodyReader::Step::whole:
      return Step::whole;
    case BodyReader::Step::malformed:
      return failed(ServerFault::malformed);
    case BodyReader::Step::too_large:
      return failed(ServerFault::body_too_large);
    case BodyReader::Step::lines_too_long:
      return failed(ServerFault::head_too_large);
  }
  return failed(ServerFault::malformed);
}

}  // namespace holisafe::http
