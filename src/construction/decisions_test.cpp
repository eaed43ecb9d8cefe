#include "construction/decisions.h"

#include <gmock/gmock.h>

namespace holisafe::construction {
namespace {

using testing::HasSubstr;

Decision on_pair(const std::string& decision, const std::string& reviewer, const std::string& text = "") {
  Decision out;
  out.pair_id = 1;
  out.decision = decision;
  out.reviewer = reviewer;
  if (!text.empty()) {
    out.instruction = "instruction of " + text;
    out.response = "response of " + text;
  }
  return out;
}

PairRow written_pair() {
  PairRow out;
  out.id = 1;
  out.instruction = "written instruction";
  out.response = "written response";
  out.state = PairState::ready;
  return out;
}

TEST(Decisions, AreReadAsTheyAreSent) {
  const auto edit = parse_decision(
      R"({"id": 8, "decision": "edit", "instruction": "a", "response": "b", "reviewer": "ada", "note": "n"})",
      "me");
  ASSERT_TRUE(edit) << edit.error().message();
  EXPECT_EQ(edit->pair_id, 8);
  EXPECT_EQ(edit->image_id, -1);
  EXPECT_EQ(edit->decision, "edit");
  EXPECT_EQ(edit->instruction, "a");
  EXPECT_EQ(edit->response, "b");
  EXPECT_EQ(edit->reviewer, "ada");
  EXPECT_EQ(edit->note, "n");
  const auto label =
      parse_decision(R"({"image_id": 0, "decision": "label", "label": "gender_discrimination"})", "me");
  ASSERT_TRUE(label) << label.error().message();
  EXPECT_EQ(label->image_id, 0);
  EXPECT_EQ(label->label, "gender");
  EXPECT_EQ(label->reviewer, "me");
  EXPECT_EQ(parse_decision(R"({"image_id":3,"decision":"label","label":"quarantine"})", "")->label,
            "quarantine");
  // Null is left out; of an edit one text is enough.
  EXPECT_TRUE(parse_decision(
      R"({"id":1,"image_id":null,"decision":"accept","instruction":null,"reviewer":null})", ""));
  EXPECT_EQ(parse_decision(R"({"id":1,"decision":"edit","response":"b"})", "")->instruction, "");
}

struct Refused {
  const char* json;
  ErrorKind kind;
  const char* member;
};

TEST(Decisions, NameTheMemberAtFault) {
  const std::vector<Refused> all{
      {R"({"decision":"accept"})", ErrorKind::missing, "id"},
      {R"({"id":1})", ErrorKind::missing, "decision"},
      {R"({"id":1,"image_id":2,"decision":"accept"})", ErrorKind::unexpected, "image_id"},
      {R"({"id":"1","decision":"accept"})", ErrorKind::wrong_type, "id"},
      {R"({"id":1.0,"decision":"accept"})", ErrorKind::wrong_type, "id"},
      {R"({"id":true,"decision":"accept"})", ErrorKind::wrong_type, "id"},
      {R"({"id":-1,"decision":"accept"})", ErrorKind::out_of_range, "id"},
      {R"({"id":9223372036854775808,"decision":"accept"})", ErrorKind::out_of_range, "id"},
      {R"({"id":1,"decision":"approve"})", ErrorKind::out_of_range, "decision"},
      {R"({"id":1,"decision":"label"})", ErrorKind::out_of_range, "decision"},
      {R"({"id":1,"decision":7})", ErrorKind::wrong_type, "decision"},
      {R"({"id":1,"decision":"accept","instruction":"x"})", ErrorKind::unexpected, "instruction"},
      {R"({"id":1,"decision":"accept","mode":"x"})", ErrorKind::unexpected, "mode"},
      {R"({"id":1,"decision":"edit"})", ErrorKind::missing, "instruction"},
      {R"({"id":1,"decision":"edit","instruction":" \n"})", ErrorKind::out_of_range, "instruction"},
      {R"({"id":1,"decision":"edit","instruction":"x","response":[]})", ErrorKind::wrong_type, "response"},
      {R"({"id":1,"decision":"accept","reviewer":""})", ErrorKind::out_of_range, "reviewer"},
      {R"({"id":1,"decision":"accept","reviewer":"source"})", ErrorKind::out_of_range, "reviewer"},
      {R"({"id":1,"decision":"accept","reviewer":3})", ErrorKind::wrong_type, "reviewer"},
      {R"({"id":1,"decision":"accept","note":3})", ErrorKind::wrong_type, "note"},
      {R"({"id":1,"decision":"accept","id":2})", ErrorKind::duplicate, "id"},
      {R"({"id":1,"decision":"accept","\u0069d":2})", ErrorKind::duplicate, "id"},
      {R"({"id":1,"decision":"edit","instruction":"\ud800"})", ErrorKind::malformed, "instruction"},
      {R"({"image_id":1,"decision":"accept"})", ErrorKind::out_of_range, "decision"},
      {R"({"image_id":1,"decision":"label"})", ErrorKind::missing, "label"},
      {R"({"image_id":1,"decision":"label","label":"cats"})", ErrorKind::out_of_range, "label"},
      {R"({"image_id":1,"decision":"label","label":3})", ErrorKind::wrong_type, "label"},
      {R"({"image_id":1,"decision":"label","label":"safe","response":"x"})", ErrorKind::unexpected,
       "response"},
      {"[]", ErrorKind::wrong_type, ""},
      {"{", ErrorKind::truncated, ""},
      {"", ErrorKind::truncated, ""},
      {"{\"id\":1,}", ErrorKind::malformed, ""},
      {"{\"id\":1,\"note\":\"\xff\"}", ErrorKind::invalid_utf8, ""},
  };
  for (const auto& [json, kind, member] : all) {
    const auto decision = parse_decision(json, "me");
    ASSERT_FALSE(decision) << json;
    EXPECT_EQ(decision.error().kind, kind) << json << ": " << decision.error().message();
    EXPECT_EQ(decision.error().where, member) << json;
    EXPECT_NE(decision.error().detail, "") << json;
  }
}

TEST(Decisions, TheLastThatStandsCounts) {
  std::vector<Decision> all{on_pair("accept", "ada")};
  PairRow pair = after_decisions(written_pair(), all);
  ASSERT_TRUE(pair.review);
  EXPECT_EQ(pair.review->decision, "accept");
  EXPECT_EQ(pair.review->reviewer, "ada");
  EXPECT_EQ(pair.review->before_instruction, "");
  all.push_back(on_pair("reject", "ben"));
  pair = after_decisions(pair, all);
  EXPECT_EQ(pair.review->decision, "reject");
  EXPECT_EQ(pair.review->reviewer, "ben");
  all.push_back(on_pair("undo", "ben"));
  pair = after_decisions(pair, all);
  EXPECT_EQ(pair.review->decision, "accept");
  all.push_back(on_pair("undo", "ada"));
  pair = after_decisions(pair, all);
  EXPECT_FALSE(pair.review);
}

TEST(Decisions, AnEditKeepsWhatWasWritten) {
  std::vector<Decision> all{on_pair("edit", "ada", "ada")};
  PairRow pair = after_decisions(written_pair(), all);
  EXPECT_EQ(pair.instruction, "instruction of ada");
  EXPECT_EQ(pair.review->before_instruction, "written instruction");
  EXPECT_EQ(pair.review->before_response, "written response");
  all.push_back(on_pair("edit", "ben", "ben"));
  all.push_back(on_pair("accept", "cem"));
  pair = after_decisions(pair, all);
  EXPECT_EQ(pair.response, "response of ben");
  EXPECT_EQ(pair.review->decision, "accept");
  EXPECT_EQ(pair.review->before_response, "written response");
  // The last edit taken back, the one before stands; without one, what the writer wrote.
  all.push_back(on_pair("undo", "ben"));
  pair = after_decisions(pair, all);
  EXPECT_EQ(pair.instruction, "instruction of ada");
  all.push_back(on_pair("undo", "ada"));
  pair = after_decisions(pair, all);
  EXPECT_EQ(pair.instruction, "written instruction");
  EXPECT_EQ(pair.response, "written response");
  EXPECT_EQ(pair.review->reviewer, "cem");
  EXPECT_EQ(pair.review->before_instruction, "");
}

TEST(Decisions, AnUndoTakesTheReviewersOwnLastOne) {
  const std::vector<Decision> all{on_pair("accept", "ada"), on_pair("reject", "ben"),
                                  on_pair("accept", "ben"), on_pair("undo", "ada"), on_pair("undo", "ben")};
  const auto stands = standing(all);
  ASSERT_EQ(stands.size(), 1U);
  EXPECT_EQ(stands[0], &all[1]);
}

}  // namespace
}  // namespace holisafe::construction
