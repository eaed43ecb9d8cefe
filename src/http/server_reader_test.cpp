#include "http/server_reader.h"

#include <chrono>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holisafe::http {
namespace {

using Step = RequestReader::Step;

/// Reads `bytes`, so many at a time, to the first request's end.
Step read_by(RequestReader& reader, const std::string& bytes, std::size_t at_a_time, std::string& input) {
  Step last = Step::more;
  for (std::size_t at = 0; at < bytes.size(); at += at_a_time) {
    input += bytes.substr(at, at_a_time);
    do {
      last = reader.read(input);
    } while (last == Step::head);
    if (last != Step::more) break;
  }
  return last;
}

TEST(RequestReader, ReadsTheSameHoweverTheBytesCome) {
  const std::string chunked = "POST /a?b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n";
  const std::vector<std::string> requests = {
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.0\r\n\r\n",
      "\r\n\r\nGET / HTTP/1.1\r\nHost:\r\nX: \x80 b \t\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345",
      chunked + "0\r\n\r\n",
      chunked + "000\r\nX: y\r\nContent-Length: 9\r\n\r\n",
      chunked + "3\r\n123\r\n00A;a=b;c=\"d\"\r\n0123456789\r\n0\r\n\r\n",
  };
  for (const std::string& request : requests) {
    std::vector<ServerRequest> seen;
    for (const std::size_t at_a_time :
         {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}, request.size()}) {
      RequestReader reader(4096, 4096);
      std::string input;
      ASSERT_EQ(read_by(reader, request, at_a_time, input), Step::whole) << request;
      EXPECT_EQ(input, "");
      seen.push_back(reader.take());
      EXPECT_EQ(seen.back().headers, seen.front().headers);
      EXPECT_EQ(seen.back().body, seen.front().body);
      EXPECT_EQ(seen.back().path + '?' + seen.back().query, seen.front().path + '?' + seen.front().query);
    }
  }
}

TEST(RequestReader, LeavesWhatFollows) {
  RequestReader reader(4096, 4096);
  std::string input = "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nabGET /2 HTTP/1.0\r\n\r\nrest";
  EXPECT_FALSE(reader.begun());
  EXPECT_EQ(reader.read(input), Step::head);
  EXPECT_TRUE(reader.begun());
  EXPECT_EQ(reader.body_bytes(), 2);
  EXPECT_TRUE(reader.is_http11());
  EXPECT_TRUE(reader.keeps_connection());
  EXPECT_EQ(reader.request().body, "");
  EXPECT_EQ(reader.read(input), Step::whole);
  EXPECT_EQ(reader.take().body, "ab");
  reader.reset();
  EXPECT_FALSE(reader.begun());
  EXPECT_EQ(reader.read(input), Step::head);
  EXPECT_FALSE(reader.is_http11());
  EXPECT_FALSE(reader.keeps_connection());
  EXPECT_EQ(reader.body_bytes(), 0);
  EXPECT_EQ(reader.read(input), Step::whole);
  EXPECT_EQ(reader.take().path, "/2");
  EXPECT_EQ(input, "rest");
}

TEST(RequestReader, KnowsWhenARequestBegan) {
  RequestReader reader(4096, 4096);
  std::string input = "\r\n";
  EXPECT_EQ(reader.read(input), Step::more);
  const auto now = [] { return std::chrono::steady_clock::now(); };
  for (int i = 0; i < 2; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // nothing comes
    const auto before = now();
    input += "G";
    EXPECT_EQ(reader.read(input), Step::more);
    const auto after = now();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    input += "ET / HTTP/1.1\r\nHost: a\r\n\r\n";
    EXPECT_EQ(reader.read(input), Step::head);
    EXPECT_EQ(reader.read(input), Step::whole);
    const ServerRequest request = reader.take();
    EXPECT_GE(request.begun, before);
    EXPECT_LE(request.begun, after);
    reader.reset();
  }
}

TEST(RequestReader, KeepsNoBodyThatIsDropped) {
  RequestReader reader(4096, 4096);
  std::string input = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd";
  EXPECT_EQ(reader.read(input), Step::head);
  reader.drop_body();
  EXPECT_EQ(reader.read(input), Step::whole);
  EXPECT_EQ(reader.take().body, "");
}

TEST(RequestReader, TakesMemoryForWhatCameAlone) {
  RequestReader reader(4096, std::uint64_t{1} << 40);
  std::string input = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999\r\n\r\nabcd";
  EXPECT_EQ(reader.read(input), Step::head);
  EXPECT_EQ(reader.read(input), Step::more);
  EXPECT_LT(reader.take().body.capacity(), 4096);
}

TEST(RequestReader, CountsExtensionsAndTrailingFields) {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string half(BodyReader::max_lines / 2, 'a');
  for (const std::string over : {"", "a"}) {
    // The semicolons are not counted, the field's colon is.
    const std::string extension = half.substr(2) + over;
    const std::string request =
        head + "1;" + extension + "\r\nx\r\n0;\r\n" + half.substr(1) + ":\r\na:\r\n\r\n";
    for (const std::size_t at_a_time : {std::size_t{100}, request.size()}) {
      RequestReader reader(65'536, 4096);
      std::string input;
      const Step step = read_by(reader, request, at_a_time, input);
      EXPECT_EQ(step, over.empty() ? Step::whole : Step::fault);
      if (step == Step::whole) continue;
      EXPECT_EQ(reader.fault(), ServerFault::head_too_large);
    }
  }
}

}  // namespace
}  // namespace holisafe::http
