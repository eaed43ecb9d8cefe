#include "http/public_address.h"

#include <string>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

namespace holisafe::http {
namespace {

sockaddr_storage address(const std::string& text) {
  sockaddr_storage out{};
  auto* four = reinterpret_cast<sockaddr_in*>(&out);
  auto* six = reinterpret_cast<sockaddr_in6*>(&out);
  const bool is_six = text.find(':') != std::string::npos;
  out.ss_family = is_six ? AF_INET6 : AF_INET;
  void* to = is_six ? static_cast<void*>(&six->sin6_addr) : &four->sin_addr;
  EXPECT_EQ(::inet_pton(out.ss_family, text.c_str(), to), 1) << text;
  return out;
}
bool open(const std::string& text) {
  const auto found = address(text);
  return is_public(reinterpret_cast<const sockaddr&>(found));
}
bool own(const std::string& text) {
  const auto found = address(text);
  return is_loopback(reinterpret_cast<const sockaddr&>(found));
}

TEST(PublicAddress, ThoseOfTheOpenInternetAre) {
  for (const char* text : {"1.1.1.1",        "8.8.8.8",         "9.255.255.255",
                           "11.0.0.0",       "100.63.255.255",  "100.128.0.0",
                           "126.0.0.1",      "128.0.0.0",       "169.253.0.1",
                           "172.15.255.255", "172.32.0.0",      "192.0.1.0",
                           "192.167.0.1",    "192.169.0.0",     "198.17.0.0",
                           "198.20.0.0",     "223.255.255.255", "2606:4700:4700::1111",
                           "2a00::1",        "2001:200::1",     "3ffe::1"})
    EXPECT_TRUE(open(text)) << text;
}

TEST(PublicAddress, SpecialOnesAreNot) {
  for (const char* text : {"0.0.0.0",
                           "0.255.0.1",
                           "10.0.0.1",
                           "10.255.255.255",
                           "100.64.0.0",
                           "100.127.255.255",
                           "127.0.0.1",
                           "127.255.255.255",
                           "169.254.169.254",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.0.0.1",
                           "192.0.2.1",
                           "192.88.99.1",
                           "192.168.0.1",
                           "198.18.0.1",
                           "198.19.255.255",
                           "198.51.100.1",
                           "203.0.113.1",
                           "224.0.0.1",
                           "239.1.1.1",
                           "240.0.0.1",
                           "255.255.255.255",
                           "::",
                           "::1",
                           "::ffff:8.8.8.8",
                           "::8.8.8.8",
                           "64:ff9b::808:808",
                           "64:ff9b:1::1",
                           "100::1",
                           "2001::1",
                           "2001:db8::1",
                           "2002:808:808::1",
                           "3fff::1",
                           "fc00::1",
                           "fd12:3456::1",
                           "fe80::1",
                           "fec0::1",
                           "ff02::1"})
    EXPECT_FALSE(open(text)) << text;
  sockaddr other{};
  other.sa_family = AF_UNIX;
  EXPECT_FALSE(is_public(other));
}

TEST(PublicAddress, LoopbackIsKnown) {
  for (const char* text : {"127.0.0.1", "127.9.9.9", "::1"}) EXPECT_TRUE(own(text)) << text;
  for (const char* text : {"128.0.0.1", "10.0.0.1", "::2", "::ffff:127.0.0.1"})
    EXPECT_FALSE(own(text)) << text;
}

}  // namespace
}  // namespace holisafe::http
