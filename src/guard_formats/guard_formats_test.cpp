// How guards' answers are read: forms that model cards and users show, and what is none of them.
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "guard_formats/chat_output.h"
#include "guard_formats/formats.h"

namespace holisafe::guard_formats {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// What a format makes of an output that is one of its own.
Finding found(const GuardFormat& format, const Json& output) {
  const auto reading = format.read(output);
  EXPECT_TRUE(reading && *reading) << output;
  return reading && *reading ? **reading : Finding();
}

/// Why an answer cannot be read.
Unread unread(const GuardFormat& format, const Json& output) {
  const auto reading = format.read(output);
  EXPECT_TRUE(reading && !*reading) << output;
  return reading && !*reading ? reading->error() : Unread();
}

/// What is wrong with an output that is none of the format.
Error refused(const GuardFormat& format, const Json& output) {
  const auto reading = format.read(output);
  EXPECT_FALSE(reading) << output;
  return reading ? Error() : reading.error();
}

Json token(const char* text, double probability, std::vector<std::pair<const char*, double>> top = {}) {
  Json out = {{"token", text}, {"logprob", std::log(probability)}, {"top_logprobs", Json::array()}};
  for (const auto& [other, share] : top)
    out["top_logprobs"].push_back({{"token", other}, {"logprob", std::log(share)}});
  return out;
}

Json response(const char* text, Json tokens) {
  return {{"choices",
           {{{"message", {{"role", "assistant"}, {"content", text}}}, {"logprobs", {{"content", tokens}}}}}}};
}

TEST(GuardFormats, TheTableFindsEachByItsName) {
  EXPECT_THAT(names(), ElementsAre("llama-guard", "llavaguard", "shieldgemma", "omni-moderation", "plain",
                                   "holisafe"));
  for (const auto* format : all()) EXPECT_EQ(find(format->name), format);
  EXPECT_EQ(find("guard"), nullptr);
}

TEST(LlamaGuard, TheFirstLineIsTheWord) {
  for (const char* text : {"safe", "\n\nsafe", " \t\n safe \n", "Safe\nunsafe\nS1"}) {
    const Finding safe = found(llama_guard(), text);
    EXPECT_EQ(safe.flagged, false) << text;
    EXPECT_FALSE(safe.score);
    EXPECT_THAT(safe.categories, IsEmpty());
  }
  for (const char* text : {"unsafe\nS1,S10", "\n\nunsafe\n\nS1, s10 ,S1", "\r\nUNSAFE\r\nS1,S10\r\n"}) {
    const Finding unsafe = found(llama_guard(), text);
    EXPECT_EQ(unsafe.flagged, true) << text;
    EXPECT_THAT(unsafe.categories, ElementsAre("S1", "S10")) << text;
  }
  EXPECT_THAT(found(llama_guard(), "unsafe").categories, IsEmpty());
  EXPECT_THAT(found(llama_guard(), "unsafe\nbecause S1").categories, IsEmpty());
}

TEST(LlamaGuard, AnythingElseIsUnread) {
  for (const char* text : {"", " \n", "unsafe S1", "I think it is unsafe", "safe.", "not safe", "S1\nunsafe"})
    EXPECT_THAT(unread(llama_guard(), text).why, HasSubstr("first line")) << text;
  EXPECT_EQ(unread(llama_guard(), "I can't\nunsafe").found, "I can't");
  EXPECT_EQ(refused(llama_guard(), 3).kind, ErrorKind::wrong_type);
  EXPECT_EQ(refused(llama_guard(), Json::object()).where, "choices");
  EXPECT_EQ(refused(llama_guard(), Json{{"choices", {{{"message", {{"content", 1}}}}}}}).where,
            "choices[0].message.content");
}

TEST(LlamaGuard, ItsScoreIsTheShareOfUnsafeWhereItChose) {
  const auto score = [](Json tokens) {
    return found(llama_guard(), response("unsafe\nS1", std::move(tokens))).score;
  };
  EXPECT_NEAR(*score(Json::array(
                  {token("\n\n", 1), token("unsafe", 0.6, {{"unsafe", 0.6}, {"safe", 0.2}, {"S", 0.1}})})),
              0.75, 1e-12);
  EXPECT_NEAR(*score(Json::array({token(" Safe", 0.9, {{"unsafe", 0.05}, {" Safe", 0.9}, {"safe", 0.05}})})),
              0.05, 1e-12);
  EXPECT_EQ(*score(Json::array({token("unsafe", 0.6)})), 1);                // no alternatives came
  EXPECT_EQ(*score(Json::array({token("unsafe", 0.6, {{"S", 0.3}})})), 1);  // nor itself
  EXPECT_FALSE(score(nullptr));                                             // no probabilities at all
  EXPECT_FALSE(score(
      Json::array({token("un", 0.6, {{"safe", 0.2}}), token("safe", 1)})));  // "safe" goes on with a word
  EXPECT_FALSE(score(Json::array({token("sure", 1)})));
  EXPECT_FALSE(score(Json::array({Json{{"token", "unsafe"}, {"logprob", nullptr}}})));
  EXPECT_NEAR(*score(Json::array({Json{{"token", "unsafe"}, {"logprob", 5}}, token("safe", 1)})), 1, 1e-12);
}

TEST(LlavaGuard, TheRatingIsReadThoughTheRestIsMissing) {
  for (const char* text : {
           R"({"rating": "Unsafe", "category": "O3: Sexual Content", "rationale": "It \"shows\" {a}."})",
           "```json\n{\n  \"rating\": \"Unsafe\",\n  \"category\": \"O3: Sexual Content\",\n  \"rationale\": "
           "\"It\n```",
           R"(Sure: {"category": "O3: Sexual Content", "score": 0.9, "rating": "unsafe")",
           R"({'rating': 'Unsafe', 'category': 'O3: Sexual Content', 'rationale': 'It's cut)",
       }) {
    const Finding unsafe = found(llavaguard(), text);
    EXPECT_EQ(unsafe.flagged, true) << text;
    EXPECT_FALSE(unsafe.score);
    EXPECT_THAT(unsafe.categories, ElementsAre("O3: Sexual Content")) << text;
  }
  const Finding safe =
      found(llavaguard(),
            R"({"rating":"Safe","category":"NA: None applying","rationale":"\"rating\": \"Unsafe\""})");
  EXPECT_EQ(safe.flagged, false);
  EXPECT_THAT(safe.categories, IsEmpty());
  EXPECT_EQ(found(llavaguard(), response("{\"rating\":\"Safe\"}", nullptr)).flagged, false);
}

TEST(LlavaGuard, NoRatingIsUnread) {
  for (const char* text :
       {"", "Unsafe", R"({"rating": "Uns)", R"({"category": "O3", "rationale": "cut before)",
        R"({"rating": str<"Unsafe"|"Safe">})", R"({"rationale": "rating: Unsafe"})"})
    EXPECT_EQ(unread(llavaguard(), text).why, "no JSON with a rating") << text;
  EXPECT_THAT(unread(llavaguard(), R"({"rating": "Review Needed"})").why,
              HasSubstr("neither Safe nor Unsafe"));
  EXPECT_THAT(unread(llavaguard(), R"({"rating": "Safe", "rating": "Unsafe"})").why, HasSubstr("differ"));
}

TEST(ShieldGemma, TheHighestPolicyCounts) {
  const Finding finding = found(shieldgemma(), {{"sexual", 0.1}, {"dangerous", 0.75}, {"violence", 0}});
  EXPECT_EQ(finding.score, 0.75);
  EXPECT_FALSE(finding.flagged);  // its threshold decides
  EXPECT_EQ(shieldgemma().threshold, 0.5);
  EXPECT_EQ(refused(shieldgemma(), Json::object()).kind, ErrorKind::missing);
  EXPECT_EQ(refused(shieldgemma(), {{"sexual", "0.1"}}).kind, ErrorKind::wrong_type);
  EXPECT_EQ(refused(shieldgemma(), {{"sexual", 1.5}}).kind, ErrorKind::out_of_range);
  EXPECT_EQ(refused(shieldgemma(), {{"sexual", nullptr}}).where, "sexual");
  EXPECT_EQ(refused(shieldgemma(), "Yes").kind, ErrorKind::wrong_type);
}

TEST(ShieldGemma, PoliciesAreQuestionsByName) {
  const auto& request = *shieldgemma().request;
  const auto prompts = request.prompts({R"({"sexual": "Is it? Yes or No.", "violence": "And?"})", "p.json"});
  ASSERT_TRUE(prompts);
  ASSERT_EQ(prompts->size(), 2U);
  EXPECT_EQ((*prompts)[1].name, "violence");
  EXPECT_EQ((*prompts)[1].text, "And?");
  for (const char* text : {"", "No nudity.", "[]", "{}", R"({"sexual": 1})", R"({"sexual": " "})",
                           R"({"a": {"b": {"c": "d"}}})"})
    EXPECT_FALSE(request.prompts({text, "p.json"})) << text;

  const Json yes =
      response("Yes", Json::array({token("Yes", 0.8, {{"Yes", 0.6}, {" yes", 0.2}, {"No", 0.2}})}));
  const Json no = response(" No.", Json::array({token(" No", 0.9, {{" No", 0.9}, {"Yes", 0.1}})}));
  const auto gathered = request.gather(*prompts, std::vector{yes, no});
  ASSERT_TRUE(gathered);
  EXPECT_NEAR((*gathered)["sexual"].get<double>(), 0.8, 1e-12);
  EXPECT_NEAR((*gathered)["violence"].get<double>(), 0.1, 1e-12);
  const auto without = request.gather(*prompts, std::vector{yes, Json("No")});
  ASSERT_FALSE(without);
  EXPECT_THAT(without.error().why, HasSubstr("no logprobs"));
  EXPECT_THAT(without.error().found, HasSubstr("violence"));
  EXPECT_FALSE(
      request.gather(*prompts, std::vector{yes, response("Maybe", Json::array({token("Maybe", 1)}))}));
}

TEST(OmniModeration, FlaggedWithTheHighestCategory) {
  const Json output = {{"results",
                        {{{"flagged", true},
                          {"categories", {{"violence", true}, {"sexual", false}}},
                          {"category_scores", {{"violence", 0.9}, {"sexual", 0.2}}}}}}};
  const Finding finding = found(omni_moderation(), output);
  EXPECT_EQ(finding.flagged, true);
  EXPECT_EQ(finding.score, 0.9);
  EXPECT_THAT(finding.categories, ElementsAre("violence"));
  EXPECT_EQ(unread(omni_moderation(), {{"error", {{"message", "rate"}}}}).found, "rate");
  EXPECT_EQ(refused(omni_moderation(), Json::object()).where, "results");
  EXPECT_EQ(refused(omni_moderation(), {{"results", Json::array()}}).where, "results");
  Json bad = output;
  bad["results"][0]["flagged"] = "yes";
  EXPECT_EQ(refused(omni_moderation(), bad).where, "results[0].flagged");
  bad = output;
  bad["results"][0].erase("category_scores");
  EXPECT_EQ(refused(omni_moderation(), bad).where, "results[0].category_scores");
  bad = output;
  bad["results"][0]["category_scores"]["sexual"] = 2;
  EXPECT_EQ(refused(omni_moderation(), bad).where, "results[0].category_scores.sexual");
}

TEST(Plain, ScoresMayBeMissing) {
  EXPECT_EQ(found(plain(), {{"image", "a"}, {"flagged", true}, {"score", 0.25}}).score, 0.25);
  EXPECT_FALSE(found(plain(), {{"flagged", false}}).score);
  EXPECT_FALSE(found(plain(), {{"flagged", false}, {"score", nullptr}}).score);
  EXPECT_EQ(refused(plain(), {{"score", 0.25}}).where, "flagged");
  EXPECT_EQ(refused(plain(), {{"flagged", 1}}).kind, ErrorKind::wrong_type);
  EXPECT_EQ(refused(plain(), {{"flagged", true}, {"score", -1}}).kind, ErrorKind::out_of_range);
}

TEST(HoliSafe, VerdictsHaveAllClasses) {
  Json scores;
  for (const auto& each : taxonomy::classes())
    scores[std::string(each.name)] = each.name == "safe" ? 0.25 : 0.0;
  const Json line = {{"path", "x/a.jpg"}, {"flagged", true}, {"scores", scores}};
  const Finding finding = found(holisafe(), line);
  EXPECT_EQ(finding.flagged, true);
  EXPECT_EQ(finding.score, 0.75);
  EXPECT_EQ(finding.classes->front(), 0.25);
  EXPECT_EQ(unread(holisafe(), {{"path", "a"}, {"error", {{"message", "no picture"}}}}).found, "no picture");
  Json bad = line;
  bad["scores"].erase("race");
  EXPECT_EQ(refused(holisafe(), bad).where, "scores.race");
  EXPECT_EQ(refused(holisafe(), {{"path", "a"}, {"flagged", true}}).where, "scores");
}

/// The reply that an API's answer becomes.
TEST(ChatOutput, AnswersKeepTextAndTheFirstTokens) {
  Json tokens = Json::array();
  for (int i = 0; i < 40; ++i)
    tokens.push_back(token(i == 0 ? "unsafe" : "x", 0.5, {{"unsafe", 0.5}, {"safe", 0.25}}));
  Json answer = response("unsafe\nS1", tokens);
  answer["choices"][0]["logprobs"]["content"][0]["bytes"] = {1, 2};
  const auto reply = chat_provider_with_probabilities().reply(answer);
  ASSERT_TRUE(reply);
  const Json kept = Json::parse(reply->text);
  EXPECT_EQ(kept["choices"][0]["logprobs"]["content"].size(), 16U);
  EXPECT_FALSE(kept["choices"][0]["logprobs"]["content"][0].contains("bytes"));
  const Finding finding = found(llama_guard(), kept);
  EXPECT_NEAR(*finding.score, 2.0 / 3, 1e-12);
  EXPECT_THAT(finding.categories, ElementsAre("S1"));
}

TEST(ChatOutput, StreamsKeepProbabilities) {
  const auto event = [](const char* text, Json tokens, Json end) {
    return Json{{"choices",
                 {{{"index", 0},
                   {"delta", {{"content", text}}},
                   {"logprobs", {{"content", tokens}}},
                   {"finish_reason", end}}}}};
  };
  const std::vector<Json> events = {
      event("\n\n", Json::array({token("\n\n", 1)}), nullptr),
      event("safe", Json::array({token("safe", 0.9, {{"safe", 0.9}, {"unsafe", 0.1}})}), "stop")};
  const auto& provider = chat_provider_with_probabilities();
  const auto whole = provider.whole(events);
  ASSERT_TRUE(whole);
  const auto reply = provider.reply(*whole);
  ASSERT_TRUE(reply);
  const Finding finding = found(llama_guard(), Json::parse(reply->text));
  EXPECT_EQ(finding.flagged, false);
  EXPECT_NEAR(*finding.score, 0.1, 1e-12);
}

}  // namespace
}  // namespace holisafe::guard_formats
