#include "verdicts/verdict_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/hash.h"
#include "base/text.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::verdicts {
namespace {

std::vector<std::string_view> names_of(const std::vector<std::size_t>& classes) {
  std::vector<std::string_view> out;
  for (const std::size_t index : classes) out.push_back(taxonomy::classes()[index].name);
  return out;
}

nlohmann::ordered_json harm_of(const taxonomy::Verdict& verdict) {
  const std::size_t harm = most_probable_harm(verdict);
  const auto& found = taxonomy::classes()[harm];
  return {{"label", harm},
          {"subcategory", found.name},
          {"category", found.category},
          {"score", verdict.scores[harm]}};
}

}  // namespace

std::size_t most_probable_harm(const taxonomy::Verdict& verdict) {
  const auto most = std::max_element(verdict.scores.begin() + 1, verdict.scores.end());
  return static_cast<std::size_t>(most - verdict.scores.begin());
}

std::string readable(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    const std::size_t size = utf8_length(path);
    if (size > 0) {
      out += path.substr(0, size);
    } else {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(path.front()));
    }
    path.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return out;
}

void add_path(nlohmann::ordered_json& out, const std::string& key, const std::string& path) {
  out[key] = readable(path);
  if (!is_utf8(path)) out[key + "_bytes"] = base64(std::as_bytes(std::span(path)));
}

void add_verdict(nlohmann::ordered_json& out, const taxonomy::Verdict& verdict, const Flagging& flagging) {
  const auto& found = taxonomy::classes()[verdict.label];
  out["flagged"] = flagging.flags(verdict);
  if (flagging.is_by_class()) out["flagged_classes"] = names_of(flagging.classes(verdict));
  out["label"] = verdict.label;
  out["subcategory"] = found.name;
  out["category"] = found.category;
  out["score"] = verdict.score();
  auto& scores = out["scores"];
  for (std::size_t i = 0; i < verdict.scores.size(); ++i)
    scores[std::string(taxonomy::classes()[i].name)] = verdict.scores[i];
}

nlohmann::ordered_json to_json(const std::string& path, const Result<taxonomy::Verdict>& verdict,
                               const Flagging& flagging) {
  nlohmann::ordered_json out;
  add_path(out, "path", path);
  if (verdict) {
    add_verdict(out, *verdict, flagging);
    out["unsafe"] = verdict->unsafe();
    if (flagging.flags(*verdict)) out["harm"] = harm_of(*verdict);
  } else {
    out["error"] = {{"kind", name(verdict.error().kind)}, {"message", verdict.error().message()}};
  }
  return out;
}

std::string verdict_text(const taxonomy::Verdict& verdict, const Flagging& flagging) {
  std::string out = fmt::format("{} {:.1f}%, unsafe {:.1f}%", taxonomy::classes()[verdict.label].name,
                                100 * verdict.score(), 100 * verdict.unsafe());
  if (!flagging.flags(verdict)) return out;
  out += ", flagged";
  std::string_view before = ": ";
  for (const std::string_view each : names_of(flagging.classes(verdict)))
    out.append(std::exchange(before, ", ")).append(each);
  return out;
}

}  // namespace holisafe::verdicts
