// The letters of multiple-choice questions as the scripts of several sets look for them in an answer.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holisafe::benchmarks {

/// Whose way of reading an answer.
enum class Script { authors, lmms_eval };

/// "A" for 0. `option` is less than 26.
std::string letter(std::size_t option);

/// Without each of `marks` at both ends, one mark after the other: what is behind a mark that was looked for
/// before stays.
std::string_view stripped_of_each(std::string_view text, std::string_view marks);

/// An option that an answer may mean, and where it stands last; -1 where it was not found again.
struct Candidate {
  std::size_t option = 0;
  std::ptrdiff_t place = -1;
};

std::ptrdiff_t last_place(std::string_view text, std::string_view part);

/// The candidate that stands last; of several in one place the first.
std::optional<std::size_t> last_of(const std::vector<Candidate>& candidates);

}  // namespace holisafe::benchmarks
