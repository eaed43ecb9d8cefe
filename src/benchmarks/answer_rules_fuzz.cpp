#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "benchmarks/letters.h"
#include "benchmarks/mme_realworld_rules.h"
#include "benchmarks/mmmu_rules.h"
#include "benchmarks/mmstar_rules.h"
#include "benchmarks/python_text.h"
#include "benchmarks/siuo_mcq_rules.h"
#include "benchmarks/vizwiz_rules.h"
#include "benchmarks/vlguard_rules.h"

// The input is a model's answer.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holisafe::benchmarks;
  const std::string answer(reinterpret_cast<const char*>(data), size);
  const std::vector<std::string> options = {"(A) a cat", "(B) 1,234.5", "(C) \xce\x9f\xce\xa3", ""};
  const std::vector<std::string> truths = {answer, "two dogs", "12"};
  const auto expect = [](bool holds) {
    if (!holds) std::abort();
  };
  for (const Script script : {Script::authors, Script::lmms_eval}) {
    if (const auto option = mmmu::chosen_option(answer, options, script)) expect(*option < options.size());
    if (const auto option = mmstar::chosen_option(answer, script)) expect(*option < mmstar::options);
    mme_realworld::chosen_letter(answer, options, script);
    const double accuracy = vizwiz::accuracy(answer, truths, script);
    expect(accuracy >= 0 && accuracy <= 1);
  }
  if (const auto option = siuo_mcq::chosen_option(answer)) expect(*option < siuo_mcq::options);
  mmmu::any_right(mmmu::meant(answer), truths);
  vlguard::is_refusal(answer);
  expect(count_characters(capitalized(answer)) >= count_characters(answer));
  return 0;
}
