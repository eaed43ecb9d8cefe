#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <utility>

#include "policy/policy_json.h"
#include "serve/answer_json.h"
#include "taxonomy/taxonomy.h"
#include "verdicts/flagging.h"
#include "verdicts/verdict_json.h"

namespace holisafe::serve {
namespace {

/// OpenAI's names in its order, and the classes that each sums up.
struct OpenAiCategory {
  std::string_view name;
  std::span<const std::string_view> classes;
};

constexpr std::array<std::string_view, 1> harassment = {"harassment"};
constexpr std::array<std::string_view, 4> hate = {"gender", "race", "religion", "disability_discrimination"};
constexpr std::array<std::string_view, 2> illicit = {"drug_related_hazards", "property_crime"};
constexpr std::array<std::string_view, 2> self_harm = {"physical_self_injury", "suicide"};
constexpr std::array<std::string_view, 1> sexual = {"sexual_content"};
constexpr std::array<std::string_view, 5> violence = {
    "animal_abuse", "obscene_gestures", "physical_altercation", "terrorism", "weapon_related_violence"};

constexpr std::array<OpenAiCategory, 13> openai_categories = {{
    {"harassment", harassment},
    {"harassment/threatening", {}},
    {"hate", hate},
    {"hate/threatening", {}},
    {"illicit", illicit},
    {"illicit/violent", {}},
    {"self-harm", self_harm},
    {"self-harm/intent", {}},
    {"self-harm/instructions", {}},
    {"sexual", sexual},
    {"sexual/minors", {}},
    {"violence", violence},
    {"violence/graphic", {}},
}};

/// The three objects of a result, a member a category.
class Categories {
 public:
  void add(std::string_view name, bool fired, double score, bool judged) {
    const std::string key(name);
    fired_[key] = fired;
    scores_[key] = score;
    inputs_[key] = judged ? Json::array({"image"}) : Json::array();
  }
  void put_into(Json& result) && {
    result["categories"] = std::move(fired_);
    result["category_scores"] = std::move(scores_);
    result["category_applied_input_types"] = std::move(inputs_);
  }

 private:
  Json fired_ = Json::object();
  Json scores_ = Json::object();
  Json inputs_ = Json::object();
};

bool has_fired(const policy::Decision& decision, std::size_t index) {
  return std::find(decision.fired.begin(), decision.fired.end(), index) != decision.fired.end();
}

Categories harms(const ImageDecision& decided) {
  Categories out;
  for (std::size_t i = 1; i < taxonomy::class_count; ++i)
    out.add(taxonomy::classes()[i].name, has_fired(decided.decision, i), decided.verdict.scores[i], true);
  return out;
}

Categories as_openai_names(const ImageDecision& decided) {
  Categories out;
  for (const OpenAiCategory& each : openai_categories) {
    bool fired = false;
    double score = 0;
    for (const std::string_view name : each.classes) {
      const std::size_t index = taxonomy::parse_class(name).value_or(0);
      fired = fired || has_fired(decided.decision, index);
      score += decided.verdict.scores[index];
    }
    out.add(each.name, fired, std::min(score, 1.0), !each.classes.empty());
  }
  return out;
}

Json guard_json(const taxonomy::Verdict& verdict, const policy::Policy& policy) {
  Json out = verdicts::to_json("", verdict, verdicts::Flagging(policy.unsafe_threshold));
  out.erase("path");
  return out;
}

/// From which score on each harm fires; null: never.
Json thresholds_json(const policy::Policy& policy) {
  Json out = Json::object();
  for (std::size_t i = 1; i < taxonomy::class_count; ++i) {
    const policy::ClassRule& rule = policy.classes[i];
    out[std::string(taxonomy::classes()[i].name)] =
        rule.action == policy::Action::allow ? Json() : Json(rule.threshold);
  }
  return out;
}

/// `{type, model, results}` of what was judged.
Json moderation_results(const std::string& model, Json results) {
  return {{"type", "moderation_results"}, {"model", model}, {"results", std::move(results)}};
}

Json input_json(const std::string& model, const RequestDecision& decided, const policy::Policy& policy) {
  if (decided.guard_failed)
    return {{"type", "error"},
            {"code", name(Code::guard_failed)},
            {"message", "the guard failed, and the policy lets what was not judged pass"}};
  Json results = Json::array();
  for (const ImageDecision& image : decided.images) {
    Json result = {{"type", "moderation_result"}, {"model", model}};
    result.update(result_of(image, policy, false));
    results.push_back(std::move(result));
  }
  return moderation_results(model, std::move(results));
}

}  // namespace

RequestDecision decide_request(std::vector<ImageDecision> images, bool blocks_flagged) {
  RequestDecision out;
  out.images = std::move(images);
  for (ImageDecision& image : out.images) {
    if (blocks_flagged && image.decision.flagged()) image.decision.action = policy::Action::block;
    out.action = std::max(out.action, image.decision.action);
  }
  return out;
}

std::string text_for(const RequestDecision& decided, std::string_view text) {
  for (const ImageDecision& image : decided.images) {
    if (image.decision.action == decided.action && image.decision.flagged())
      return policy::filled(text, image.verdict, image.decision);
  }
  return std::string(text);
}

Json result_of(const ImageDecision& decided, const policy::Policy& policy, bool as_openai) {
  Json out = {{"flagged", decided.decision.flagged()}};
  (as_openai ? as_openai_names(decided) : harms(decided)).put_into(out);
  out["action"] = policy::name(decided.decision.action);
  out["guard"] = guard_json(decided.verdict, policy);
  out["thresholds"] = thresholds_json(policy);
  return out;
}

Json moderation_answer(const std::string& id, const std::string& model, const RequestDecision& decided,
                       const policy::Policy& policy, bool as_openai) {
  Json results = Json::array();
  for (const ImageDecision& image : decided.images) results.push_back(result_of(image, policy, as_openai));
  return {{"id", id},
          {"model", model},
          {"action", policy::name(decided.action)},
          {"policy", policy::to_json(policy)},
          {"results", std::move(results)}};
}

Json moderation_member(const std::string& model, const RequestDecision& decided,
                       const policy::Policy& policy) {
  return {{"input", input_json(model, decided, policy)},
          {"output", moderation_results(model, Json::array())},
          {"action", policy::name(decided.action)},
          {"policy", policy::to_json(policy)}};
}

Json guardrail_answer(const std::optional<std::string>& blocked_reason) {
  if (!blocked_reason) return {{"action", "NONE"}};
  return {{"action", "BLOCKED"}, {"blocked_reason", *blocked_reason}};
}

}  // namespace holisafe::serve
