#include "runs/run_part.h"

#include <charconv>
#include <cstdlib>

#include <fmt/format.h>

namespace holisafe::runs {
namespace {

/// A number from 0; -1 for any other text.
std::int64_t number(std::string_view text) {
  std::int64_t out = -1;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out);
  return code == std::errc() && end == text.data() + text.size() && out >= 0 ? out : -1;
}

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing here sets variables
  return value == nullptr ? std::string_view() : std::string_view(value);
}

}  // namespace

Result<Part> parse_shard(const std::string& text) {
  const auto slash = text.find('/');
  const std::int64_t index = number(std::string_view(text).substr(0, slash));
  const std::int64_t count =
      slash == std::string::npos ? -1 : number(std::string_view(text).substr(slash + 1));
  if (count < 1 || index < 0 || index > count) {
    return fail(ErrorKind::usage, "bad shard", "--shard",
                fmt::format("expected i/n with i from 0 to n, found \"{}\"", text));
  }
  return Part{0, index % count, count};
}

Result<Part> shard_of_environment() {
  constexpr const char* names[][2] = {{"RANK", "WORLD_SIZE"}, {"SLURM_PROCID", "SLURM_NTASKS"}};
  for (const auto& [rank_name, size_name] : names) {
    const std::string_view rank_text = variable(rank_name);
    const std::string_view size_text = variable(size_name);
    if (size_text.empty()) continue;
    const std::int64_t rank = number(rank_text);
    const std::int64_t size = number(size_text);
    if (size < 1 || (size > 1 && (rank < 0 || rank >= size))) {
      return fail(ErrorKind::usage, "bad environment", fmt::format("{} and {}", rank_name, size_name),
                  fmt::format("expected a rank below the number of processes, found \"{}\" and \"{}\"",
                              rank_text, size_text));
    }
    return size == 1 ? Part{} : Part{0, rank, size};
  }
  return Part{};
}

}  // namespace holisafe::runs
