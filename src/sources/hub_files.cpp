#include "sources/hub_files.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

namespace holisafe::sources {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view extension = ".parquet";
constexpr std::size_t digits = 5;

/// A file of a split: its number and how many there are, where the name says so.
struct Shard {
  std::string split;
  std::uint32_t number = 0;
  std::uint32_t of = 0;  ///< 0: the name does not say
};

std::optional<std::uint32_t> number_in(std::string_view text) {
  std::uint32_t out = 0;
  const auto [stop, code] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (text.size() != digits || code != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return out;
}

/// "val-00003-of-00010", "val-00003-of-00010-0123456789abcdef", "val".
Shard shard_of(std::string_view stem) {
  constexpr std::string_view middle = "-of-";
  const auto at = stem.find(middle);
  if (at == std::string_view::npos || at < digits + 1) return {std::string(stem), 0, 0};
  const auto rest = stem.substr(at + middle.size());
  const auto number = number_in(stem.substr(at - digits, digits));
  const auto of = number_in(rest.substr(0, digits));
  const bool ends = rest.size() == digits || (rest.size() > digits && rest[digits] == '-');
  if (!number || !of || !ends || stem[at - digits - 1] != '-') return {std::string(stem), 0, 0};
  return {std::string(stem.substr(0, at - digits - 1)), *number, *of};
}

/// By split and number.
using Found = std::map<std::string, std::map<std::uint32_t, std::pair<Shard, fs::path>>>;

Found find_in(const fs::path& folder) {
  Found out;
  std::error_code code;
  for (auto each = fs::directory_iterator(folder, code); !code && each != fs::directory_iterator();
       each.increment(code)) {
    const auto& path = each->path();
    if (path.extension() != extension || path.filename().string().starts_with('.')) continue;
    Shard shard = shard_of(path.stem().string());
    auto& files = out[shard.split];
    const auto number = shard.number;
    const auto place = files.find(number);
    if (place != files.end() && place->second.second < path) continue;  // the same in two forms
    files.insert_or_assign(number, std::pair(std::move(shard), path));
  }
  return out;
}

}  // namespace

std::vector<std::string> splits_in(const fs::path& folder) {
  std::vector<std::string> out;
  for (const auto& [split, files] : find_in(folder)) out.push_back(split);
  return out;
}

Result<std::vector<fs::path>> split_files(const fs::path& folder, std::string_view split) {
  const Found found = find_in(folder);
  const auto files = found.find(std::string(split));
  if (files == found.end()) {
    const auto there = splits_in(folder);
    return fail(ErrorKind::not_found, "no such split", folder.string(),
                fmt::format("expected {}-*{}, found {}", split, extension,
                            there.empty() ? "no such files" : fmt::format("{}", fmt::join(there, ", "))));
  }
  std::vector<fs::path> out;
  const std::uint32_t of = files->second.begin()->second.first.of;
  for (const auto& [number, file] : files->second) {
    if (file.first.of != of)
      return fail(ErrorKind::mismatch, "files of two downloads", file.second.string(),
                  fmt::format("expected files of {}, found one of {}", of, file.first.of));
    if (of > 0 && number != out.size()) break;
    out.push_back(file.second);
  }
  if (of > 0 && out.size() != of) {
    return fail(ErrorKind::not_found, "a file of the split is missing", folder.string(),
                fmt::format("expected {}-{:05}-of-{:05}{}, found {} of {} files", split, out.size(), of,
                            extension, files->second.size(), of));
  }
  return out;
}

}  // namespace holisafe::sources
