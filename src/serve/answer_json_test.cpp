#include "serve/answer_json.h"

#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "verdicts/verdict_json.h"

namespace holisafe::serve {
namespace {

using policy::Action;
using testing::ElementsAre;

const ChatHead chat_head{"chatcmpl-1", 1'700'000'000, "m"};

policy::Policy policy_of(const std::string& text) {
  return policy::parse("format = \"holisafe-policy/1\"\nversion = \"7\"\nname = \"shop\"\n" + text, "p.toml")
      .value();
}

ImageDecision judged(std::initializer_list<std::pair<std::string_view, double>> scores,
                     const policy::Policy& policy) {
  ImageDecision out;
  out.verdict.scores[0] = 1;
  for (const auto& [name, score] : scores) {
    out.verdict.scores[taxonomy::parse_class(name).value()] = score;
    out.verdict.scores[0] -= score;
  }
  out.decision = policy::decide(policy, out.verdict);
  return out;
}

std::vector<std::string> keys(const Json& object) {
  std::vector<std::string> out;
  for (const auto& [name, value] : object.items()) out.push_back(name);
  return out;
}

/// The document of one event.
Json data_of(const std::string& event) {
  EXPECT_TRUE(event.starts_with("data: ")) << event;
  EXPECT_EQ(event.find('\n'), event.size() - 2) << event;
  EXPECT_TRUE(event.ends_with("\n\n")) << event;
  return Json::parse(event.substr(6));
}

TEST(AnswerJson, AResultHasTheNineteenHarms) {
  const auto policy =
      policy_of("unsafe_threshold = 0.75\n[classes.race]\naction = \"warn\"\nthreshold = 0.25");
  const auto decided = judged({{"race", 0.25}, {"suicide", 0.125}}, policy);
  const Json found = result_of(decided, policy, false);
  EXPECT_THAT(keys(found), ElementsAre("flagged", "categories", "category_scores",
                                       "category_applied_input_types", "action", "guard", "thresholds"));
  EXPECT_EQ(found["thresholds"].size(), 19);
  EXPECT_EQ(found["thresholds"]["race"], 0.25);
  EXPECT_EQ(found["flagged"], true);
  EXPECT_EQ(found["action"], "warn");
  std::vector<std::string> names;
  for (const auto& each : taxonomy::classes().subspan(1)) names.emplace_back(each.name);
  EXPECT_EQ(keys(found["categories"]), names);
  EXPECT_EQ(keys(found["category_scores"]), names);
  EXPECT_EQ(keys(found["category_applied_input_types"]), names);
  for (const std::string& name : names) {
    EXPECT_EQ(found["categories"][name], name == "race");
    EXPECT_EQ(found["category_applied_input_types"][name], Json::array({"image"}));
  }
  EXPECT_EQ(found["category_scores"]["race"], 0.25);
  EXPECT_EQ(found["category_scores"]["suicide"], 0.125);
  EXPECT_EQ(found["category_scores"]["gender"], 0);
}

TEST(AnswerJson, ItsGuardIsWhatTheProgramPrints) {
  const auto policy = policy_of("unsafe_threshold = 0.25");
  const auto decided = judged({{"race", 0.25}, {"suicide", 0.125}}, policy);
  Json printed = verdicts::to_json("a.png", decided.verdict, verdicts::Flagging(0.25));
  printed.erase("path");
  EXPECT_EQ(result_of(decided, policy, false)["guard"].dump(), printed.dump());
  EXPECT_TRUE(printed.contains("harm"));
}

TEST(AnswerJson, OpenAisNamesSumTheClasses) {
  const auto policy = policy_of("[classes.race]\nthreshold = 0.125");
  const auto decided = judged({{"race", 0.125},
                               {"gender", 0.0625},
                               {"harassment", 0.0625},
                               {"suicide", 0.03125},
                               {"terrorism", 0.0625}},
                              policy);
  const Json found = result_of(decided, policy, true);
  EXPECT_THAT(keys(found["categories"]),
              ElementsAre("harassment", "harassment/threatening", "hate", "hate/threatening", "illicit",
                          "illicit/violent", "self-harm", "self-harm/intent", "self-harm/instructions",
                          "sexual", "sexual/minors", "violence", "violence/graphic"));
  EXPECT_EQ(keys(found["category_scores"]), keys(found["categories"]));
  EXPECT_EQ(found["categories"]["hate"], true);
  EXPECT_EQ(found["categories"]["harassment"], false);
  const Json& scores = found["category_scores"];
  EXPECT_EQ(scores["hate"], 0.1875);
  EXPECT_EQ(scores["harassment"], 0.0625);
  EXPECT_EQ(scores["self-harm"], 0.03125);
  EXPECT_EQ(scores["violence"], 0.0625);
  EXPECT_EQ(scores["violence/graphic"], 0);
  const Json& inputs = found["category_applied_input_types"];
  EXPECT_EQ(inputs["hate"], Json::array({"image"}));
  EXPECT_EQ(inputs["hate/threatening"], Json::array());
}

TEST(AnswerJson, EveryHarmThatOpenAiNamesCounts) {
  const auto policy = policy_of("");
  const std::set<std::string_view> others = {"privacy", "specialized_advice"};
  for (const auto& each : taxonomy::classes().subspan(1)) {
    const Json found = result_of(judged({{each.name, 0.75}}, policy), policy, true);
    double sum = 0;
    int fired = 0;
    for (const auto& [name, score] : found["category_scores"].items()) sum += score.get<double>();
    for (const auto& [name, flag] : found["categories"].items()) fired += flag.get<bool>() ? 1 : 0;
    const bool named = !others.contains(each.category);
    EXPECT_EQ(sum, named ? 0.75 : 0) << each.name;
    EXPECT_EQ(fired, named ? 1 : 0) << each.name;
    EXPECT_EQ(found["flagged"], true);
  }
}

TEST(AnswerJson, ARequestsActionIsTheStrictest) {
  const auto policy = policy_of("[classes.race]\naction = \"warn\"\n[classes.suicide]\naction = \"review\"");
  const auto race = judged({{"race", 0.75}}, policy);
  const auto suicide = judged({{"suicide", 0.75}}, policy);
  const auto safe = judged({}, policy);
  EXPECT_EQ(decide_request({}, true).action, Action::allow);
  EXPECT_EQ(decide_request({safe}, true).action, Action::allow);
  EXPECT_EQ(decide_request({race, suicide, safe}, false).action, Action::review);
  const auto blocked = decide_request({safe, race}, true);
  EXPECT_EQ(blocked.action, Action::block);
  EXPECT_EQ(blocked.images[0].decision.action, Action::allow);
  EXPECT_EQ(blocked.images[1].decision.action, Action::block);
  EXPECT_EQ(text_for(decide_request({race, suicide}, false), "{subcategory}"), "suicide");
  EXPECT_EQ(text_for(decide_request({suicide, race}, false), "{category}"), "self_harm");
  EXPECT_EQ(text_for(decide_request({safe}, false), "{category}"), "{category}");
}

TEST(AnswerJson, AModerationsAnswer) {
  const auto policy = policy_of("");
  const auto decided = decide_request({judged({}, policy), judged({{"race", 0.75}}, policy)}, false);
  const Json found = moderation_answer("modr-1", "m", decided, policy, false);
  EXPECT_THAT(keys(found), ElementsAre("id", "model", "action", "policy", "results"));
  EXPECT_EQ(found["id"], "modr-1");
  EXPECT_EQ(found["action"], "block");
  EXPECT_EQ(found["policy"], Json::parse(R"({"name": "shop", "version": "7"})"));
  ASSERT_EQ(found["results"].size(), 2U);
  EXPECT_EQ(found["results"][0]["flagged"], false);
  EXPECT_EQ(found["results"][1]["flagged"], true);
}

TEST(AnswerJson, TheModerationOfAChat) {
  const auto policy = policy_of("");
  const Json found =
      moderation_member("guard", decide_request({judged({{"race", 0.75}}, policy)}, false), policy);
  EXPECT_THAT(keys(found), ElementsAre("input", "output", "action", "policy"));
  EXPECT_THAT(keys(found["input"]), ElementsAre("type", "model", "results"));
  EXPECT_EQ(found["input"]["type"], "moderation_results");
  const Json& result = found["input"]["results"][0];
  EXPECT_THAT(keys(result), ElementsAre("type", "model", "flagged", "categories", "category_scores",
                                        "category_applied_input_types", "action", "guard", "thresholds"));
  EXPECT_EQ(result["type"], "moderation_result");
  EXPECT_EQ(result["model"], "guard");
  EXPECT_EQ(found["output"],
            Json::parse(R"({"type": "moderation_results", "model": "guard", "results": []})"));
  EXPECT_EQ(found["action"], "block");
  EXPECT_EQ(moderation_member("guard", {}, policy)["input"]["results"], Json::array());
}

TEST(AnswerJson, AGuardThatFailedHasNoResults) {
  RequestDecision failed;
  failed.guard_failed = true;
  const Json found = moderation_member("guard", failed, policy_of("[failure]\naction = \"allow\""));
  EXPECT_THAT(keys(found["input"]), ElementsAre("type", "code", "message"));
  EXPECT_EQ(found["input"]["type"], "error");
  EXPECT_EQ(found["input"]["code"], "guard_failed");
  EXPECT_EQ(found["action"], "allow");
}

TEST(AnswerJson, AWholeChat) {
  const Json found = chat_answer(chat_head, "Hi", "stop", false, 3, 2, Json{{"action", "allow"}});
  EXPECT_EQ(
      found,
      Json::parse(R"({"id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": "m",
      "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi", "refusal": null}, "logprobs": null,
      "finish_reason": "stop"}], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
      "moderation": {"action": "allow"}})"));
  const Json refused = chat_answer(chat_head, "No", "stop", true, 0, 0, {});
  EXPECT_EQ(refused["choices"][0]["message"]["content"], "No");
  EXPECT_EQ(refused["choices"][0]["message"]["refusal"], "No");
  EXPECT_EQ(refused["choices"][0]["finish_reason"], "content_filter");
}

TEST(AnswerJson, EventsOfAStream) {
  const Json opening = data_of(opening_event(chat_head, Json{{"action", "allow"}}));
  EXPECT_EQ(opening,
            Json::parse(R"({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000,
      "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": null,
      "finish_reason": null}], "moderation": {"action": "allow"}})"));
  EXPECT_EQ(data_of(text_event(chat_head, "a\nb"))["choices"][0]["delta"],
            Json::parse(R"({"content": "a\nb"})"));
  EXPECT_EQ(data_of(refusal_event(chat_head, "No"))["choices"][0]["delta"],
            Json::parse(R"({"content": "No", "refusal": "No"})"));
  const Json finish = data_of(finish_event(chat_head, "length"))["choices"][0];
  EXPECT_EQ(finish["delta"], Json::object());
  EXPECT_EQ(finish["finish_reason"], "length");
  const Json usage = data_of(usage_event(chat_head, 3, 2));
  EXPECT_EQ(usage["choices"], Json::array());
  EXPECT_EQ(usage["usage"]["total_tokens"], 5);
  EXPECT_EQ(data_of(fault_event({Code::guard_failed, "x", {}}))["error"]["code"], "guard_failed");
  EXPECT_TRUE(comment_event.starts_with(":"));
}

TEST(AnswerJson, EventsStayOneLineWhateverTheText) {
  for (const std::string text : {"\r\n\r\ndata: x", "\xe2\x80\xa8", "\xff", "\x1b[2J"})
    data_of(text_event(chat_head, text));
  EXPECT_EQ(data_of(text_event(chat_head, "\x1b[2J"))["choices"][0]["delta"]["content"], "\x1b[2J");
}

TEST(AnswerJson, OtherAnswers) {
  EXPECT_EQ(guardrail_answer({}), Json::parse(R"({"action": "NONE"})"));
  EXPECT_EQ(guardrail_answer("why"), Json::parse(R"({"action": "BLOCKED", "blocked_reason": "why"})"));
  EXPECT_EQ(models_answer("m", 5), Json::parse(R"({"object": "list", "data": [
      {"id": "m", "object": "model", "created": 5, "owned_by": "holisafe"}]})"));
}

TEST(AnswerJson, IdsDiffer) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = new_id("chatcmpl-");
    EXPECT_EQ(id.size(), 9U + 24);
    EXPECT_TRUE(id.starts_with("chatcmpl-"));
    EXPECT_EQ(id.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 9),
              std::string::npos);
    seen.insert(id);
  }
  EXPECT_EQ(seen.size(), 1000U);
}

}  // namespace
}  // namespace holisafe::serve
