#include "serve/image_fetch.h"

#include <condition_variable>
#include <mutex>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/scripted_server.h"

namespace holisafe::serve {
namespace {

using http::Received;
using http::ScriptedServer;
using Images = Answer<std::vector<RequestImage>>;

ImageFetchOptions loopback() {
  ImageFetchOptions out;
  out.hosts = {"127.0.0.1", "Pictures.Example.COM"};
  out.max_bytes = 1000;
  out.loopback_for_tests = true;
  return out;
}

std::vector<RequestImage> images_at(const std::vector<std::string>& urls) {
  std::vector<RequestImage> out;
  for (const std::string& url : urls) {
    RequestImage image;
    image.param = "image " + std::to_string(out.size());
    image.url = url;
    out.push_back(std::move(image));
  }
  return out;
}

/// Fetches and waits.
Images fetched(const ImageFetchOptions& options, std::vector<RequestImage> images) {
  const auto fetcher = ImageFetcher::open(options).value();
  std::mutex mutex;
  std::condition_variable ended;
  std::optional<Images> out;
  const auto task = fetcher->fetch(std::move(images), [&](Images found) {
    const std::lock_guard lock(mutex);
    EXPECT_FALSE(out) << "heard twice";
    out.emplace(std::move(found));
    ended.notify_all();
  });
  std::unique_lock lock(mutex);
  EXPECT_TRUE(ended.wait_for(lock, std::chrono::seconds(60), [&] { return out.has_value(); }));
  return *std::move(out);
}

std::string code_of(const Images& found) { return found ? "none" : std::string(name(found.error().code)); }

TEST(ImageFetch, ImagesKeepTheirPlaces) {
  ScriptedServer server([](std::size_t, const Received& request) {
    return http::reply(200, request.head.find("/first") != std::string::npos ? "one" : "two");
  });
  auto images = images_at({server.url() + "/first", "", server.url() + "/second?x=1#part"});
  images[1].bytes = std::make_shared<const std::string>("in hand");
  const auto found = fetched(loopback(), std::move(images));
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(*found->at(0).bytes, "one");
  EXPECT_EQ(*found->at(1).bytes, "in hand");
  EXPECT_EQ(*found->at(2).bytes, "two");
  const auto received = server.received();
  EXPECT_EQ(received.size(), 2);
  for (const auto& each : received) EXPECT_THAT(each.head, testing::Not(testing::HasSubstr("part")));
}

TEST(ImageFetch, NothingToFetchIsFineAtOnce) {
  auto images = images_at({""});
  images[0].bytes = std::make_shared<const std::string>("in hand");
  EXPECT_TRUE(fetched(loopback(), std::move(images)));
  EXPECT_TRUE(fetched(loopback(), {}));
}

TEST(ImageFetch, OtherUrlsAreNotAllowed) {
  ImageFetchOptions options = loopback();
  options.loopback_for_tests = false;
  options.hosts = {"pictures.example.com"};
  for (const char* url : {"http://pictures.example.com/a.png",
                          "https://pictures.example.com:8443/a.png",
                          "https://example.com/a.png",
                          "https://a.pictures.example.com/a.png",
                          "https://pictures.example.com.evil.org/",
                          "https://pictures.example.com@evil.org/",
                          "https://user@pictures.example.com/",
                          "https://pictures.example.com\\@evil.org/",
                          "https://evil.org\\pictures.example.com/",
                          "https://evil.org#@pictures.example.com/",
                          "https://evil.org?@pictures.example.com/",
                          "https://pictures.example.com./a.png",
                          "ftp://pictures.example.com/",
                          "file:///etc/passwd",
                          "//pictures.example.com/",
                          "pictures.example.com",
                          "",
                          "https://",
                          "data:,x",
                          "https://127.0.0.1/",
                          "https://[::1]/",
                          "https://pictures.example.com\r\nHost: evil.org/"}) {
    const auto found = fetched(options, images_at({url}));
    EXPECT_EQ(code_of(found), "image_url_not_allowed") << url;
    EXPECT_EQ(found.error().param, "image 0");
  }
}

TEST(ImageFetch, PrivateAddressesAreNotConnectedTo) {
  ImageFetchOptions options;
  options.timeout = std::chrono::milliseconds(5000);
  for (const char* host :
       {"127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "localhost"}) {
    options.hosts = {host};
    const auto found = fetched(options, images_at({"https://" + std::string(host) + "/a.png"}));
    EXPECT_EQ(code_of(found), "image_url_not_allowed") << host;
  }
}

TEST(ImageFetch, WhatIsNoImageOfSizeIsAFault) {
  const std::string chunked = "HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" +
                              std::string(2000, 'a') + "\r\n0\r\n\r\n";
  const std::vector<std::pair<http::Reply, std::string>> cases = {
      {http::reply(200, std::string(1000, 'a')), "none"},
      {http::reply(200, std::string(1001, 'a')), "image_too_large"},
      {http::Reply{chunked}, "image_too_large"},
      {http::reply(302, "moved", "Location: /second\r\n"), "invalid_image"},
      {http::reply(404, "no"), "invalid_image"},
      {http::Reply{"HTTP/1.1 200 X\r\nContent-Length: 10\r\n\r\nhalf"}, "invalid_image"},
      {http::Reply{""}, "invalid_image"},
  };
  for (const auto& [reply, code] : cases) {
    ScriptedServer server([&reply = reply](std::size_t, const Received&) { return reply; });
    EXPECT_EQ(code_of(fetched(loopback(), images_at({server.url()}))), code) << reply.bytes.substr(0, 60);
    EXPECT_EQ(server.received().size(), 1);
  }
}

TEST(ImageFetch, TakesNoLongerThanItMay) {
  ScriptedServer server([](std::size_t, const Received&) {
    return http::Reply{"HTTP/1.1 200 X\r\nContent-Length: 90\r\n\r\n" + std::string(90, 'a'), 50};
  });
  ImageFetchOptions options = loopback();
  options.timeout = std::chrono::milliseconds(300);
  EXPECT_EQ(code_of(fetched(options, images_at({server.url()}))), "invalid_image");
}

TEST(ImageFetch, OneFaultOfSeveralIsHeardOnce) {
  ScriptedServer server([](std::size_t, const Received& request) {
    return request.head.find("/bad") != std::string::npos ? http::reply(404, "") : http::reply(200, "good");
  });
  const auto found =
      fetched(loopback(), images_at({server.url(), server.url() + "/bad", server.url() + "/bad"}));
  EXPECT_EQ(code_of(found), "invalid_image");
}

TEST(ImageFetch, GivenUpIsNotHeard) {
  ScriptedServer server([](std::size_t, const Received&) { return http::Reply{std::string(40, 'a'), 20}; });
  const auto fetcher = ImageFetcher::open(loopback()).value();
  bool heard = false;
  auto task = fetcher->fetch(images_at({server.url(), server.url()}), [&](const Images&) { heard = true; });
  task = nullptr;
  EXPECT_FALSE(heard);
}

TEST(ImageFetch, HostsAreNames) {
  for (const char* host : {"", "a b", "host/path", "host:443", "user@host", "https://host"}) {
    ImageFetchOptions options;
    options.hosts = {host};
    const auto found = ImageFetcher::open(options);
    ASSERT_FALSE(found) << host;
    EXPECT_EQ(found.error().kind, ErrorKind::usage);
  }
}

}  // namespace
}  // namespace holisafe::serve
