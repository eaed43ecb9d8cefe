#include "serve/fault.h"

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holisafe::serve {
namespace {

using testing::ElementsAre;
using testing::Pair;

constexpr int code_count = static_cast<int>(Code::upstream_timeout) + 1;

TEST(Fault, EveryCodeHasItsOwnNameAndAStatus) {
  std::set<std::string> names;
  for (int i = 0; i < code_count; ++i) {
    const auto code = static_cast<Code>(i);
    names.emplace(name(code));
    EXPECT_GE(status_of(code), 400);
    EXPECT_LT(status_of(code), 600);
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(code_count));
}

TEST(Fault, NamesAndStatusesAreTheContracts) {
  const std::vector<std::pair<Code, std::pair<std::string, int>>> contract = {
      {Code::invalid_json, {"invalid_json", 400}},
      {Code::no_image, {"no_image", 400}},
      {Code::context_length_exceeded, {"context_length_exceeded", 400}},
      {Code::invalid_request, {"invalid_request", 400}},
      {Code::invalid_api_key, {"invalid_api_key", 401}},
      {Code::forbidden_host, {"forbidden_host", 403}},
      {Code::forbidden_origin, {"forbidden_origin", 403}},
      {Code::not_found, {"not_found", 404}},
      {Code::model_not_found, {"model_not_found", 404}},
      {Code::method_not_allowed, {"method_not_allowed", 405}},
      {Code::request_timeout, {"request_timeout", 408}},
      {Code::request_too_large, {"request_too_large", 413}},
      {Code::unsupported_media_type, {"unsupported_media_type", 415}},
      {Code::header_too_large, {"header_too_large", 431}},
      {Code::internal_error, {"internal_error", 500}},
      {Code::upstream_unreachable, {"upstream_unreachable", 502}},
      {Code::upstream_error, {"upstream_error", 502}},
      {Code::overloaded, {"overloaded", 503}},
      {Code::loading, {"loading", 503}},
      {Code::draining, {"draining", 503}},
      {Code::guard_failed, {"guard_failed", 503}},
      {Code::upstream_timeout, {"upstream_timeout", 504}},
  };
  for (const auto& [code, expected] : contract) {
    EXPECT_EQ(name(code), expected.first);
    EXPECT_EQ(status_of(code), expected.second) << expected.first;
  }
}

TEST(Fault, JsonHasAllFourMembers) {
  EXPECT_EQ(nlohmann::json::parse(to_json({Code::invalid_type, "a \"b\"\n", "messages[0]"})),
            nlohmann::json::parse(R"({"error": {"message": "a \"b\"\n", "type": "invalid_request_error",
                            "param": "messages[0]", "code": "invalid_type"}})"));
  EXPECT_TRUE(nlohmann::json::parse(to_json({Code::invalid_json, "x", {}}))["error"]["param"].is_null());
}

TEST(Fault, TypesFollowTheStatus) {
  const auto type = [](Code code) {
    return nlohmann::json::parse(to_json({code, "x", {}}))["error"]["type"].get<std::string>();
  };
  EXPECT_EQ(type(Code::invalid_json), "invalid_request_error");
  EXPECT_EQ(type(Code::not_found), "invalid_request_error");
  EXPECT_EQ(type(Code::header_too_large), "invalid_request_error");
  EXPECT_EQ(type(Code::invalid_api_key), "authentication_error");
  EXPECT_EQ(type(Code::forbidden_host), "permission_error");
  EXPECT_EQ(type(Code::request_timeout), "timeout_error");
  EXPECT_EQ(type(Code::upstream_timeout), "timeout_error");
  EXPECT_EQ(type(Code::internal_error), "server_error");
  EXPECT_EQ(type(Code::overloaded), "server_error");
}

TEST(Fault, AnswersSayWhenToComeAgainAndWhatIsAllowed) {
  const auto type = Pair("content-type", "application/json");
  EXPECT_THAT(to_response({Code::invalid_json, "x", {}}).headers, ElementsAre(type));
  EXPECT_THAT(to_response({Code::overloaded, "x", {}}).headers, ElementsAre(type, Pair("retry-after", "1")));
  EXPECT_THAT(to_response({Code::draining, "x", {}, 30}).headers,
              ElementsAre(type, Pair("retry-after", "30")));
  EXPECT_THAT(to_response({Code::method_not_allowed, "x", {}, {}, "GET"}).headers,
              ElementsAre(type, Pair("allow", "GET")));
  EXPECT_EQ(to_response({Code::method_not_allowed, "x", {}, {}, "GET"}).status, 405);
}

TEST(Fault, TextThatIsNoUtf8StaysJson) {
  EXPECT_TRUE(nlohmann::json::accept(to_json({Code::invalid_value, "\xff", "\xc3"})));
}

}  // namespace
}  // namespace holisafe::serve
