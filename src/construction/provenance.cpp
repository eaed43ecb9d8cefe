#include "construction/provenance.h"

#include <charconv>
#include <ctime>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/json_line.h"
#include "construction/files.h"

namespace holisafe::construction {
namespace {

std::string or_unknown(const std::string& license) { return license.empty() ? "unknown" : license; }

nlohmann::ordered_json nothing_or(const std::string& text) {
  return text.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(text);
}

std::optional<std::string> utc(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  if (::gmtime_r(&time, &parts) == nullptr) return std::nullopt;
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace

Result<std::string> created_at(const Work& work, std::optional<std::int64_t> date) {
  const auto damaged = [&](ErrorKind kind, std::string detail) {
    return fail(kind, "cannot say when the build began", work.folder().string(), std::move(detail));
  };
  if (!date) {
    HOLISAFE_TRY(const std::optional<std::string> began, work.value("began"));
    if (!began) return damaged(ErrorKind::missing, "expected a date, found none");
    std::int64_t seconds = 0;
    const char* const end = began->data() + began->size();
    const auto [stop, code] = std::from_chars(began->data(), end, seconds);
    if (code != std::errc() || stop != end)
      return damaged(ErrorKind::malformed, fmt::format("expected seconds, found \"{}\"", *began));
    date = seconds;
  }
  auto out = utc(*date);
  if (!out) return damaged(ErrorKind::malformed, fmt::format("expected seconds of a date, found {}", *date));
  return std::move(*out);
}

nlohmann::ordered_json provenance_row(const PairWithImage& exported, const std::string& image,
                                      const std::string& created) {
  nlohmann::ordered_json out;
  out["id"] = exported.pair.id;
  out["image"] = image;
  out["image_sha256"] = exported.image.sha256;
  out["source"] = exported.image.source;
  out["source_path"] = exported.image.path;
  out["license"] = or_unknown(exported.image.license);
  out["writer"] = nothing_or(exported.pair.writer);
  out["checker"] = nothing_or(exported.pair.checker);
  out["prompt_sha256"] = nothing_or(exported.pair.prompt_sha256);
  out["created"] = created;
  out["split"] = name(exported.image.side);
  out["review"] = to_json(exported.pair, exported.image)["review"];
  return out;
}

Result<void> write_provenance(const ExportFolder& folder, const Work& work, const ExportFormat& format,
                              bool reviewed_only, const std::string& created) {
  return write_file_atomic(folder.path() / provenance_file, [&](const WritePiece& write) -> Result<void> {
    ExportedPairs pairs(work, reviewed_only);
    Gathered lines(write);
    while (true) {
      HOLISAFE_TRY(const PairWithImage* const exported, pairs.next());
      if (exported == nullptr) return lines.flush();
      const std::string image = format.picture_name(folder, *exported);
      HOLISAFE_CHECK(lines.add(json_line(provenance_row(*exported, image, created))));
    }
  });
}

Result<void> write_prompts(const ExportFolder& folder, const Work& work) {
  const auto place = folder.path() / prompts_folder;
  HOLISAFE_CHECK(make_folders(place));
  return work.for_each_prompt([&](std::string_view sha256_text, std::string_view text) -> Result<void> {
    if (hex(sha256(text)) != sha256_text) {
      return fail(ErrorKind::malformed, "cannot write prompts", work.folder().string(),
                  "expected prompts under their SHA-256, found " + one_line(sha256_text));
    }
    return write_file_atomic(place / fmt::format("{}.txt", sha256_text), text);
  });
}

}  // namespace holisafe::construction
