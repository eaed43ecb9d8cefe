// A guard's verdict as JSON and in words.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"
#include "taxonomy/verdict.h"
#include "verdicts/flagging.h"

namespace holisafe::verdicts {

/// The most probable of the 19 harms: what a flagged picture shows, whose most probable class can be `safe`.
std::size_t most_probable_harm(const taxonomy::Verdict& verdict);

/// A path as text: `\xHH` for each byte that is not of UTF-8, so that no two paths look the same for their
/// bytes.
std::string readable(std::string_view path);

/// Adds `path` as text under `key`; of a path that is not UTF-8 also its bytes (base64) under KEY_bytes.
void add_path(nlohmann::ordered_json& out, const std::string& key, const std::string& path);

/// Adds flagged, flagged_classes (names; where flagging goes by class), label, subcategory, category, score,
/// scores.
void add_verdict(nlohmann::ordered_json& out, const taxonomy::Verdict& verdict, const Flagging& flagging);

/// {"path", then the verdict, "unsafe", and where flagged "harm": {"label", "subcategory", "category",
/// "score"}, the most probable harm} or {"path", "error": {"kind", "message"}}. A path that is not UTF-8 has
/// its bytes in "path_bytes" (base64) as well; "path" then shows each byte that is none as \xHH.
nlohmann::ordered_json to_json(const std::string& path, const Result<taxonomy::Verdict>& verdict,
                               const Flagging& flagging);

/// "weapon_related_violence 99.2%, unsafe 99.8%, flagged"; by class: "…, flagged: gender, race".
std::string verdict_text(const taxonomy::Verdict& verdict, const Flagging& flagging);

}  // namespace holisafe::verdicts
