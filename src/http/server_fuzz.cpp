#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "http/server_head.h"
#include "http/server_reader.h"

namespace http = holisafe::http;

namespace {

constexpr std::size_t max_head = 512;
constexpr std::uint64_t max_body = 64;

/// What one connection's bytes were read as.
struct Reading {
  std::vector<http::ServerRequest> requests;
  bool is_fault = false;
  http::ServerFault fault = {};
  std::size_t left = 0;  ///< bytes that belong to a request that is not whole
};

void expect(bool is_so) {
  if (!is_so) std::abort();
}

void expect_sound(const http::ServerRequest& request) {
  expect(!request.method.empty() && !request.path.empty());
  expect(request.path.find_first_of(std::string_view("\0\r\n ?", 5)) == std::string::npos);
  expect(request.body.size() <= max_body);
  expect(request.count("host") <= 1);
  expect(request.count("content-length") + request.count("transfer-encoding") <= 1);
  for (const auto& [name, value] : request.headers) {
    expect(!name.empty());
    for (const char c : name + value) expect(static_cast<unsigned char>(c) >= 0x20 || c == '\t');
  }
}

/// As the connection reads it, with `step` more bytes at a time.
Reading read_by(std::string_view bytes, std::size_t step) {
  Reading out;
  http::RequestReader reader(max_head, max_body);
  std::string input;
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, step);
    bytes.remove_prefix(part.size());
    input += part;
    for (auto is = http::RequestReader::Step::head; is != http::RequestReader::Step::more;) {
      is = reader.read(input);
      if (is == http::RequestReader::Step::fault) {
        out.is_fault = true;
        out.fault = reader.fault();
        return out;
      }
      if (is != http::RequestReader::Step::whole) continue;
      out.requests.push_back(reader.take());
      expect_sound(out.requests.back());
      reader.reset();
    }
    expect(input.size() <= max_head);
  }
  out.left = input.size();
  return out;
}

bool is_same(const http::ServerRequest& one, const http::ServerRequest& other) {
  return one.method == other.method && one.path == other.path && one.query == other.query &&
         one.headers == other.headers && one.body == other.body;
}

}  // namespace

// The input is what a client says on one connection. However its bytes are cut into pieces, the same requests
// must be read, and the same fault must end them. Any header's value can stand in an answer and adds no line
// to it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const Reading whole = read_by(bytes, std::max<std::size_t>(size, 1));
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}}) {
    const Reading other = read_by(bytes, step);
    expect(other.is_fault == whole.is_fault && (!whole.is_fault || other.fault == whole.fault));
    expect(other.left == whole.left && other.requests.size() == whole.requests.size());
    for (std::size_t i = 0; i < whole.requests.size(); ++i)
      expect(is_same(whole.requests[i], other.requests[i]));
  }
  const std::string head = http::answer_head(200, {{"date", std::string(bytes)}}, {.length = size});
  expect(std::count(head.begin(), head.end(), '\n') == 4);
  return 0;
}
