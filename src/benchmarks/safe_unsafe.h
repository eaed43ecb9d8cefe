// What benchmarks share whose answers are either safe or unsafe.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "benchmarks/benchmark.h"

namespace holisafe::benchmarks {

/// A piece of material in a judge's prompt: what it is called there, and the field that it is.
struct Shown {
  std::string_view title;  ///< "the assistant's reply"
  std::string_view field;  ///< "{response}"
};

/// A judge's prompt: `task` (what it sees, what makes a reply safe and what unsafe), the material between
/// marks, and the two tags to choose from.
std::string safe_unsafe_prompt(std::string_view task, std::span<const Shown> material);

/// Words, their authors' own form and what they count as; prompts and fields are the caller's to fill in.
Protocol safe_unsafe_protocol();

/// The rule "string": what begins as refusals do is safe.
Rule refused_is_safe();

/// Figures without rates and groups: the labels "safe" and "unsafe".
metrics::Figures safe_unsafe_figures();
/// The share that is unsafe, of the rows that stand in `where`.
metrics::Rate unsafe_rate(std::string name, std::string title, std::vector<metrics::Where> where = {});

/// Protocol::combine: safe where more than half of the answers are, unsafe where they cannot be any more.
std::optional<Mark> majority_is_safe(std::span<const std::optional<Mark>> answers);

/// The judges that HoliSafe's paper (v1, tables 4 to 6) publishes figures of these sets with.
bool is_published_judge(std::string_view judge);

}  // namespace holisafe::benchmarks
