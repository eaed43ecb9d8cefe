// What a build would take (build.h).
#include <algorithm>
#include <nlohmann/json.hpp>

#include "construction/build.h"
#include "construction/prompts.h"

namespace holisafe::construction {
namespace {

constexpr std::uint64_t bytes_a_token = 4;
constexpr std::uint64_t instruction_bytes = 160;  ///< of one that is not written yet

class CostCount {
 public:
  explicit CostCount(const BuildSettings& settings) : settings_(settings) {}

  void add_image(const ImageRow& image) {
    const bool asked = image.state == ImageState::unlabelled && !settings_.labellers.empty();
    if (image.state == ImageState::kept || asked) ++out_.images;
    if (!asked) return;
    for (const AskerSpec& labeller : settings_.labellers) {
      ++out_.label;
      if (!labeller.is_guard()) add_call(Step::label, label_prompt().text.size(), &labeller);
    }
    for (const auto type : most_types()) {
      for (std::uint64_t i = 0; i < settings_.plan.pairs_per_type; ++i) add_pair(type, 1, false);
    }
  }

  void add_pair(taxonomy::Combination type, std::size_t subcategory, bool brought) {
    ++out_.pairs;
    const std::string instruction(instruction_bytes, 'x');
    const AskerSpec* writer = settings_.writers.empty() ? nullptr : settings_.writers.data();
    if (!brought && writer != nullptr) {
      ++out_.write;
      add_call(Step::write, instruction_prompt(type, std::max<std::size_t>(subcategory, 1), {}).text.size(),
               writer);
    }
    if (settings_.checks && settings_.checker) {
      out_.check += 2;
      add_call(Step::check, check_prompt(instruction).text.size(), &*settings_.checker);
      add_call(Step::text_check, text_check_prompt(instruction).text.size(), nullptr);
    }
    if (brought || writer == nullptr || !settings_.answers) return;
    ++out_.answer;
    add_call(Step::answer, response_prompt(type, instruction).text.size(), writer);
  }

  [[nodiscard]] const BuildCost& cost() const { return out_; }

 private:
  /// `sees`: who is shown the image; nullptr: nobody.
  void add_call(Step step, std::size_t bytes, const AskerSpec* sees) {
    out_.input_tokens += (bytes + bytes_a_token - 1) / bytes_a_token;
    if (sees != nullptr) out_.input_tokens += sees->provider->image_tokens;
    out_.output_tokens += generation_of(step, 0, 0, 0).max_new_tokens;
  }

  /// The combinations of an image whose label nobody knows, so many as there may be.
  [[nodiscard]] std::vector<taxonomy::Combination> most_types() const {
    std::vector<taxonomy::Combination> safe;
    std::vector<taxonomy::Combination> unsafe;
    if (settings_.writers.empty()) return safe;
    for (const auto type : settings_.plan.types) (taxonomy::image_safe(type) ? safe : unsafe).push_back(type);
    return safe.size() >= unsafe.size() ? safe : unsafe;
  }

  const BuildSettings& settings_;
  BuildCost out_;
};

}  // namespace

nlohmann::ordered_json to_json(const BuildCost& cost) {
  return {{"images", cost.images},
          {"pairs", cost.pairs},
          {"calls",
           {{"label", cost.label}, {"write", cost.write}, {"check", cost.check}, {"answer", cost.answer}}},
          {"input_tokens", cost.input_tokens},
          {"output_tokens", cost.output_tokens}};
}

Result<BuildCost> build_cost(const BuildSettings& settings, Progress* progress, const StopFlag& stop) {
  HOLISAFE_CHECK(check_build(settings));
  HOLISAFE_TRY(Work work, Work::temporary());
  HOLISAFE_CHECK(import_sources(work, import_settings(settings), progress, stop));
  HOLISAFE_CHECK(check_writers(settings, work));
  if (!settings.writers.empty()) HOLISAFE_CHECK(plan_pairs(work, settings.plan));
  CostCount count(settings);
  HOLISAFE_CHECK(work.for_each_image([&](const ImageRow& image) -> Result<void> {
    count.add_image(image);
    return {};
  }));
  HOLISAFE_CHECK(work.for_each_pair({}, [&](const PairRow& pair) -> Result<void> {
    count.add_pair(pair.type, pair.subcategory, pair.brought);
    return {};
  }));
  return count.cost();
}

}  // namespace holisafe::construction
