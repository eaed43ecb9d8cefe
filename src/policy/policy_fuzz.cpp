#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "policy/policy.h"

// The input is a policy file. What is read decides a verdict, and its texts can be filled.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holisafe;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto found = policy::parse(text, "policy.toml");
  if (!found) return found.error().where.starts_with("policy.toml: ") ? 0 : (std::abort(), 0);
  if (found->version.empty() || found->refusal.empty()) std::abort();
  for (const auto& rule : found->classes) {
    if (!(rule.threshold >= 0 && rule.threshold <= 1)) std::abort();
  }
  taxonomy::Verdict verdict;
  verdict.scores.fill(1.0 / taxonomy::class_count);
  const auto decision = policy::decide(*found, verdict);
  if (decision.flagged() != (decision.action != policy::Action::allow)) std::abort();
  static_cast<void>(policy::filled(found->refusal, verdict, decision));
  return 0;
}
