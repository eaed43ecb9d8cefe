// An engine with a guard, and a guard alone, as guard runs know them (verdicts/picture_judge.h).
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "image/image.h"
#include "verdicts/picture_judge.h"

namespace holisafe::engine {

/// Every picture has a pass of its own: what a pass of several gives of one depends, in its last bits, on the
/// others.
class EngineJudge final : public verdicts::PictureJudge {
 public:
  /// Errors: missing (no guard; `where` names what was opened).
  static Result<std::unique_ptr<verdicts::PictureJudge>> make(Engine engine, image::DecodeOptions decode,
                                                              const std::string& where);

  [[nodiscard]] verdicts::JudgeFacts facts() const override;
  [[nodiscard]] Result<std::unique_ptr<verdicts::PreparedPicture>> prepare(
      std::string_view bytes, const std::string& name) const override;
  [[nodiscard]] Result<verdicts::JudgedPicture> judge(
      const verdicts::PreparedPicture& picture) const override;

 private:
  EngineJudge(Engine engine, image::DecodeOptions decode) : engine_(std::move(engine)), decode_(decode) {}

  Engine engine_;
  image::DecodeOptions decode_;
};

class GuardJudge final : public verdicts::VectorJudge {
 public:
  /// Errors: those of guard::read().
  static Result<std::unique_ptr<verdicts::VectorJudge>> open(const std::filesystem::path& guard);

  [[nodiscard]] std::vector<double> thresholds() const override { return guard_.info().thresholds; }
  [[nodiscard]] Result<void> check_fits(const verdicts::JudgeFacts& run) const override;
  [[nodiscard]] std::vector<Result<taxonomy::Verdict>> judge(std::span<const float> vectors) const override;

 private:
  GuardJudge(guard::Guard guard, std::string where) : guard_(std::move(guard)), where_(std::move(where)) {}

  guard::Guard guard_;
  std::string where_;  ///< its file
};

}  // namespace holisafe::engine
