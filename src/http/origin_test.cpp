#include "http/origin.h"

#include <gtest/gtest.h>

#include "http/token.h"

namespace holisafe::http {
namespace {

ServerRequest from(const std::string& host, const std::string& origin) {
  ServerRequest out;
  out.headers = {{"host", host}, {"origin", origin}};
  return out;
}

TEST(Origin, HostsLoseTheirPorts) {
  EXPECT_EQ(host_name("LocalHost:8080"), "localhost");
  EXPECT_EQ(host_name("[::1]:80"), "[::1]");
  EXPECT_EQ(host_name("127.0.0.1"), "127.0.0.1");
  EXPECT_EQ(host_name("localhost.:1"), "localhost");
  EXPECT_EQ(host_name("example.com."), "example.com");
}

TEST(Origin, LoopbackNamesAreThisMachines) {
  for (const char* own : {"localhost", "127.0.0.1", "127.1", "[::1]", "::1"})
    EXPECT_TRUE(is_loopback_name(own)) << own;
  for (const char* other : {"example.com", "127.0.0.1.example.com", "10.0.0.1", "", "localhost.example.com"})
    EXPECT_FALSE(is_loopback_name(other)) << other;
}

TEST(Origin, APageOfThisServerIsItsOwn) {
  EXPECT_TRUE(is_from_own_page({}));
  EXPECT_TRUE(is_from_own_page(from("127.0.0.1:80", "http://127.0.0.1:80")));
  EXPECT_TRUE(is_from_own_page(from("LOCALHOST:80", "HTTP://localhost:80")));
  for (const char* foreign : {"http://127.0.0.1:81", "http://example.com", "null", "", "127.0.0.1:80"})
    EXPECT_FALSE(is_from_own_page(from("127.0.0.1:80", foreign))) << foreign;
  ServerRequest twice = from("127.0.0.1:80", "http://127.0.0.1:80");
  twice.headers.emplace_back("origin", "http://127.0.0.1:80");
  EXPECT_FALSE(is_from_own_page(twice));
}

TEST(Token, IsRandomAndComparedByItsHash) {
  const std::string token = random_token(40);
  EXPECT_EQ(token.size(), 40U);
  EXPECT_NE(token, random_token(40));
  EXPECT_TRUE(is_same(sha256(token), sha256(token)));
  EXPECT_FALSE(is_same(sha256(token), sha256(token.substr(1))));
}

}  // namespace
}  // namespace holisafe::http
