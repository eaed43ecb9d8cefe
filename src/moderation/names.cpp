#include "moderation/names.h"

#include <filesystem>

#include <fmt/format.h>

#include "base/text.h"
#include "moderation/move_log.h"

namespace holisafe::moderation {
namespace {

constexpr std::size_t longest_name = 255;  // of Linux's file systems, in bytes
constexpr std::size_t longest_folder_name = 200;

/// The first bytes, in whole characters.
std::string_view start_of(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && continues_character(text[most])) --most;
  return text.substr(0, most);
}

}  // namespace

std::string folder_name(std::string_view name) {
  std::string out;
  const std::string text = visible(name);  // no controls, nothing that turns text, no stray bytes
  for (const char c : start_of(text, longest_folder_name))
    out += c == '/' || c == '\\' || c == '\n' || c == '\t' ? '_' : c;
  if (out.empty()) return "_";
  if (out.front() == '.') out.front() = '_';
  if (out == MoveLog::file_name) out += '_';
  return out;
}

std::string numbered_name(const std::string& name, std::size_t number) {
  if (number == 1) return name;
  const std::filesystem::path path(name);
  const std::string ending = path.extension().string();
  const std::string tail = fmt::format("-{}{}", number, ending.size() < longest_name / 2 ? ending : "");
  const std::string stem = ending.size() < longest_name / 2 ? path.stem().string() : name;
  return std::string(start_of(stem, longest_name - tail.size())) + tail;
}

}  // namespace holisafe::moderation
