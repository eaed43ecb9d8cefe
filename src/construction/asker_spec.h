// Who is asked, as the command line names it: PROVIDER:MODEL[@URL], or guard:DIR.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "ask/provider.h"
#include "base/result.h"

namespace holisafe::construction {

struct AskerSpec {
  const ask::Provider* provider = nullptr;  ///< none: a checkpoint of ours with a guard
  std::string model;                        ///< the provider's name of it
  std::string url;                          ///< empty: the provider's own address
  std::string guard_folder;

  [[nodiscard]] bool is_guard() const { return provider == nullptr; }
  /// "openai:gpt-4o", "guard:NAME of the folder": what a build remembers, without the address.
  [[nodiscard]] std::string name() const;
};

/// Reads one; `flag` is named in errors. An `@` counts where an address follows it. Errors: usage (no colon,
/// an unknown provider, no model, a bad address; guard:DIR where `may_be_guard` is false).
Result<AskerSpec> parse_asker(std::string_view text, std::string_view flag, bool may_be_guard);

/// Errors: usage (two of one name: the build could not tell their replies apart).
Result<void> require_different(std::span<const AskerSpec> askers, std::string_view flag);

}  // namespace holisafe::construction
