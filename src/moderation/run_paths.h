// The files of a guard run where they are now.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "verdicts/guard_store.h"
#include "verdicts/verdict_json.h"

namespace holisafe::moderation {

/// The class that a judged picture counts as: of a flagged one the most probable harm, else safe (0).
inline std::size_t counted_class(const taxonomy::Verdict& verdict, const verdicts::Flagging& flagging) {
  return flagging.flags(verdict) ? verdicts::most_probable_harm(verdict) : 0;
}

/// Makes the paths of a run absolute. They need not be there.
class RunPaths {
 public:
  /// Errors: those of GuardStore.
  static Result<RunPaths> of(const verdicts::GuardStore& store);

  [[nodiscard]] std::filesystem::path absolute(const std::string& path) const { return start_ / path; }

 private:
  explicit RunPaths(std::filesystem::path start) : start_(std::move(start)) {}
  std::filesystem::path start_;
};

}  // namespace holisafe::moderation
