#include "review/service.h"

#include <gmock/gmock.h>

#include "http/server_peer.h"

namespace holisafe::review {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::StartsWith;

constexpr const char* right_token = "the-token";

/// Says what it was asked.
struct ToldSource final : Source {
  http::Query asked;
  std::vector<std::string> decided;

  Answer<Json> about() override { return Json{{"title", "told"}}; }
  Answer<Json> rows(std::string_view list, const http::Query& parameters) override {
    if (list != "pairs") return unknown("no such list", std::string(list));
    asked = parameters;
    for (const auto& [name, value] : parameters) {
      if (name == "limit" && value == "x")
        return unusable(ErrorKind::out_of_range, "limit", "expected a number");
    }
    return Json{{"left", 3}, {"pairs", Json::array()}};
  }
  Answer<Picture> picture(std::int64_t id) override {
    if (id != 7) return unknown("no such picture");
    return Picture{"\x89PNG", "image/png"};
  }
  Answer<Json> decide(std::string_view decision) override {
    if (decision == "break")
      return fail(Error{ErrorKind::out_of_space, "cannot write", "build.db", "no room"});
    decided.emplace_back(decision);
    return Json{{"id", 1}};
  }
};

class ReviewService : public testing::Test {
 protected:
  void SetUp() override {
    auto server = http::Server::listen(server_options(0), service_);
    ASSERT_TRUE(server) << server.error().message();
    server_ = *std::move(server);
  }
  void TearDown() override { server_->close(); }

  [[nodiscard]] std::string host() const { return "127.0.0.1:" + std::to_string(server_->port()); }
  /// The head's lines but the first come as they are.
  [[nodiscard]] http::Heard ask(const std::string& method, const std::string& target,
                                const std::string& headers, const std::string& body = "") const {
    http::Peer peer(server_->port());
    return peer.ask(method + " " + target + " HTTP/1.1\r\n" + headers +
                    "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  [[nodiscard]] http::Heard get(const std::string& target) const {
    return ask("GET", target, "Host: " + host() + "\r\nX-Holisafe-Token: the-token\r\n");
  }
  [[nodiscard]] http::Heard post(const std::string& body) const {
    return ask("POST", "/api/decisions", "Host: " + host() + "\r\nX-Holisafe-Token: the-token\r\n", body);
  }
  static Json error_of(const http::Heard& heard) { return Json::parse(heard.body).at("error"); }

  ToldSource source_;
  Service service_{source_, right_token};
  std::unique_ptr<http::Server> server_;
};

TEST_F(ReviewService, LetsInWhoHasTheTokenAndComesFromHere) {
  const std::string own = "Host: " + host() + "\r\n";
  const std::string token = "X-Holisafe-Token: the-token\r\n";
  const std::string about = "/api/about";
  EXPECT_EQ(ask("GET", about, own + token).status, 200);
  EXPECT_EQ(ask("GET", about + "?token=the-token", own).status, 200);
  EXPECT_EQ(ask("GET", about, "Host: localhost:1\r\n" + token).status, 200);
  EXPECT_EQ(ask("GET", about, own + token + "Origin: http://" + host() + "\r\n").status, 200);

  const std::vector<std::pair<std::string, std::string>> refused{
      {about, own},
      {about + "?token=", own},
      {about + "?token=the-toke", own},
      {about, own + "X-Holisafe-Token: other\r\n"},
      {about + "?token=other", own + token},
      {about + "?token=the-token", own + "X-Holisafe-Token: other\r\n"},
      {about, own + token + token},
      {about, "Host: example.com\r\n" + token},
      {about, "Host: 127.0.0.1.example.com\r\n" + token},
      {about, own + token + "Origin: http://example.com\r\n"},
      {about, own + token + "Origin: null\r\n"},
      {"/?token=other", own},
      {"/", own},
      {"/api/images/7", own},
      {"/nothing", own},
  };
  for (const auto& [target, headers] : refused) {
    const auto heard = ask("GET", target, headers);
    EXPECT_EQ(heard.status, 403) << target << '\n' << headers;
    EXPECT_EQ(error_of(heard).at("type"), "permission_error");
  }
  EXPECT_EQ(ask("POST", "/api/decisions", own, "{}").status, 403);
  EXPECT_TRUE(source_.decided.empty());
}

TEST_F(ReviewService, GivesThePageWithItsToken) {
  const auto heard = ask("GET", "/?token=the-token", "Host: " + host() + "\r\n");
  EXPECT_EQ(heard.status, 200);
  EXPECT_THAT(heard.body, StartsWith("<!DOCTYPE html>"));
  EXPECT_THAT(heard.header("Content-Security-Policy"), HasSubstr("default-src 'none'"));
}

TEST_F(ReviewService, GivesRowsAndPictures) {
  EXPECT_EQ(Json::parse(get("/api/about").body), Json({{"title", "told"}}));
  const auto rows = get("/api/pairs?state=ready&after=4&token=the-token&name=%C3%A4+b");
  EXPECT_EQ(rows.status, 200);
  EXPECT_EQ(Json::parse(rows.body).at("left"), 3);
  EXPECT_THAT(source_.asked,
              ElementsAre(Pair("state", "ready"), Pair("after", "4"), Pair("name", "\u00e4 b")));
  const auto picture = get("/api/images/7");
  EXPECT_EQ(picture.status, 200);
  EXPECT_EQ(picture.body, "\x89PNG");
  EXPECT_EQ(picture.header("content-type"), "image/png");
  EXPECT_EQ(picture.header("cache-control"), "no-store");
}

TEST_F(ReviewService, SaysWhatIsUnknown) {
  for (const char* target :
       {"/api/images/8", "/api/images/", "/api/images/-7", "/api/images/7x", "/api/images/07/..",
        "/api/images/99999999999999999999", "/api/others", "/api/", "/page", "/api"})
    EXPECT_EQ(get(target).status, 404) << target;
}

TEST_F(ReviewService, SaysWhatIsAtFault) {
  const auto limit = get("/api/pairs?limit=x");
  EXPECT_EQ(limit.status, 400);
  EXPECT_EQ(error_of(limit).at("param"), "limit");
  EXPECT_EQ(error_of(limit).at("code"), "out_of_range");
  const auto twice = get("/api/pairs?state=ready&state=leaks");
  EXPECT_EQ(twice.status, 400);
  EXPECT_EQ(error_of(twice).at("param"), "state");
  EXPECT_EQ(get("/api/pairs?state=%zz").status, 400);
}

TEST_F(ReviewService, HandsDecisionsOn) {
  const auto heard = post(R"({"id":1})");
  EXPECT_EQ(heard.status, 200);
  EXPECT_EQ(Json::parse(heard.body).at("id"), 1);
  EXPECT_THAT(source_.decided, ElementsAre(R"({"id":1})"));
  const auto broken = post("break");
  EXPECT_EQ(broken.status, 500);
  EXPECT_EQ(error_of(broken).at("code"), "out_of_space");
  EXPECT_EQ(error_of(broken).at("type"), "server_error");
}

TEST_F(ReviewService, TakesEachPathByItsMethodAlone) {
  const auto heard = get("/api/decisions");
  EXPECT_EQ(heard.status, 405);
  EXPECT_EQ(heard.header("allow"), "POST");
  EXPECT_EQ(ask("POST", "/api/pairs", "Host: " + host() + "\r\nX-Holisafe-Token: the-token\r\n").status, 405);
  EXPECT_EQ(ask("OPTIONS", "/api/pairs", "Host: " + host() + "\r\nX-Holisafe-Token: the-token\r\n").status,
            405);
}

TEST_F(ReviewService, TakesNoLargeBody) {
  const auto heard = post(std::string((std::size_t{1} << 20) + 1, 'x'));
  EXPECT_EQ(heard.status, 413);
  EXPECT_EQ(error_of(heard).at("code"), "request_too_large");
}

}  // namespace
}  // namespace holisafe::review
