#include "train/settings.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <sstream>

#include <fmt/format.h>

namespace holisafe::train {
namespace {

Error usage(const char* flag, std::string detail) {
  return {ErrorKind::usage, "cannot train", flag, std::move(detail)};
}

}  // namespace

Result<Mix> Mix::parse(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return Mix{text, std::nullopt};
  const char* begin = text.data() + colon + 1;
  const char* end = text.data() + text.size();
  std::int64_t count = 0;
  const auto [stop, error] = std::from_chars(begin, end, count);
  if (error != std::errc() || stop != end || count < 1) {
    return fail(usage("--mix", fmt::format("expected FILE:N with N of at least 1, found {}", text)));
  }
  return Mix{text.substr(0, colon), count};
}

Result<void> Settings::freeze(const std::string& list) {
  std::stringstream words(list);
  for (std::string word; std::getline(words, word, ',');) {
    if (word != "vision" && word != "projector" && word != "language" && word != "all") {
      return fail(
          usage("--freeze", fmt::format("expected vision, projector, language or all, found {}", word)));
    }
    freeze_vision = freeze_vision || word == "vision" || word == "all";
    freeze_projector = freeze_projector || word == "projector" || word == "all";
    freeze_language = freeze_language || word == "language" || word == "all";
  }
  return {};
}

Result<void> Settings::check() const {
  const auto at_least = [](const char* flag, double value, double low) -> Result<void> {
    if (value >= low) return {};
    return fail(usage(flag, fmt::format("expected at least {}, found {}", low, value)));
  };
  HOLISAFE_CHECK(at_least("--max-steps", static_cast<double>(max_steps), 0));
  HOLISAFE_CHECK(at_least("--batch-size", static_cast<double>(batch_size), 1));
  HOLISAFE_CHECK(at_least("--grad-accum", static_cast<double>(grad_accum), 1));
  HOLISAFE_CHECK(at_least("--max-length", static_cast<double>(max_length), 2));
  HOLISAFE_CHECK(at_least("--save-every", static_cast<double>(save_every), 0));
  HOLISAFE_CHECK(at_least("--keep", static_cast<double>(keep), 1));
  HOLISAFE_CHECK(at_least("--lora-rank", static_cast<double>(lora_rank), 1));
  for (const auto& [flag, value] : {std::pair{"--lr", lr},
                                    {"--projector-lr", projector_lr},
                                    {"--vision-lr", vision_lr},
                                    {"--guard-lr", guard_lr},
                                    {"--weight-decay", weight_decay},
                                    {"--max-grad-norm", max_grad_norm},
                                    {"--guard-lambda", guard_lambda},
                                    {"--warmup-ratio", warmup_ratio},
                                    {"--lora-dropout", lora_dropout},
                                    {"--guard-dropout", guard_dropout}}) {
    HOLISAFE_CHECK(at_least(flag, value, 0));
  }
  if (max_steps == 0 && !(epochs > 0))
    return fail(usage("--epochs", fmt::format("expected more than 0, found {}", epochs)));
  for (const auto& [flag, value] :
       {std::pair{"--lora-dropout", lora_dropout}, {"--guard-dropout", guard_dropout}}) {
    if (value >= 1) return fail(usage(flag, fmt::format("expected less than 1, found {}", value)));
  }
  if (warmup_ratio > 1)
    return fail(usage("--warmup-ratio", fmt::format("expected at most 1, found {}", warmup_ratio)));
  if (!with_guard && !with_lm_loss())
    return fail(usage("--no-guard", "expected something that learns, found the guard alone"));
  if (!with_guard && !init_guard.empty()) return fail(usage("--no-guard", "--init-guard names one"));
  if (full && freeze_language)
    return fail(usage("--full", "trains the language model, which --freeze language keeps"));
  if (full && !init_adapter.empty()) return fail(usage("--init-adapter", "--full trains without an adapter"));
  if (freeze_language && !init_adapter.empty()) {
    return fail(usage("--init-adapter", "--freeze language trains without an adapter"));
  }
  return {};
}

nlohmann::ordered_json Settings::identity() const {
  std::string frozen;
  if (freeze_vision) frozen += "vision,";
  if (freeze_projector) frozen += "projector,";
  if (freeze_language) frozen += "language,";
  if (!frozen.empty()) frozen.pop_back();
  std::string without;
  for (const auto type : without_types)
    without += fmt::format("{}{}", without.empty() ? "" : ",", taxonomy::name(type));
  nlohmann::ordered_json flags{{"without-types", without},
                               {"epochs", epochs},
                               {"max-steps", max_steps},
                               {"batch-size", batch_size},
                               {"grad-accum", grad_accum},
                               {"max-length", max_length},
                               {"seed", seed},
                               {"shuffle", shuffle},
                               {"lr", lr},
                               {"projector-lr", projector_lr},
                               {"vision-lr", vision_lr},
                               {"guard-lr", guard_lr},
                               {"schedule", schedule == Decay::cosine ? "cosine" : "constant"},
                               {"warmup-ratio", warmup_ratio},
                               {"weight-decay", weight_decay},
                               {"max-grad-norm", max_grad_norm},
                               {"full", full},
                               {"freeze", frozen},
                               {"guard", with_guard},
                               {"objective", guard_loss_alone ? "guard" : "joint"},
                               {"guard-lambda", guard_lambda},
                               {"guard-dropout", guard_dropout},
                               {"guard-pooling", guard_pooling},
                               {"guard-detach", guard_detach},
                               {"checkpoint-activations", checkpoint_activations},
                               {"device", device},
                               {"dtype", dtype}};
  if (!prompt_template.empty()) flags["template"] = prompt_template;
  if (!image_aspect.empty()) flags["image-aspect"] = image_aspect;
  if (!full && !freeze_language) {
    flags["lora-rank"] = lora_rank;
    flags["lora-alpha"] = lora_alpha;
    flags["lora-dropout"] = lora_dropout;
    flags["lora-targets"] = lora_targets;
  }
  return flags;
}

}  // namespace holisafe::train
