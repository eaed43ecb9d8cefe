#include "models/side_files.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "checkpoint/chat_template.h"
#include "checkpoint/checkpoint.h"

namespace holisafe::models {

Result<ConfigFields> image_processor_fields(const std::filesystem::path& folder) {
  HOLISAFE_TRY(const auto nested, checkpoint::read_json_if_there(folder / "processor_config.json"));
  if (nested && nested->is_object() && nested->contains("image_processor") &&
      !nested->at("image_processor").is_null()) {
    ConfigFields fields = ConfigFields(*nested, "processor_config.json").object("image_processor");
    HOLISAFE_CHECK(fields.check());
    return fields;
  }
  HOLISAFE_TRY(auto own, checkpoint::read_json(folder / "preprocessor_config.json"));
  ConfigFields fields(std::move(own), "preprocessor_config.json");
  HOLISAFE_CHECK(fields.check());
  return fields;
}

Result<std::vector<std::int64_t>> stop_token_ids(const std::filesystem::path& folder,
                                                 std::vector<std::int64_t> fallback) {
  HOLISAFE_TRY(auto document, checkpoint::read_json_if_there(folder / "generation_config.json"));
  if (!document) return fallback;
  const ConfigFields fields(std::move(*document), "generation_config.json");
  auto ids = fields.integers("eos_token_id", std::move(fallback));
  HOLISAFE_CHECK(fields.check());
  return ids;
}

Result<void> check_chat_template(const std::filesystem::path& folder, std::span<const char* const> known,
                                 const char* name, const LoadOptions& options) {
  if (!options.prompts || !options.prompt_template.empty()) return {};
  HOLISAFE_TRY(const auto found, checkpoint::read_chat_template(folder));
  if (!found) return {};
  const std::string form = checkpoint::normal_form(found->text);
  const bool same = std::any_of(known.begin(), known.end(),
                                [&form](const char* text) { return checkpoint::normal_form(text) == form; });
  if (same) return {};
  return fail(ErrorKind::unsupported, "the model has a chat template of its own", found->file.string(),
              std::string("expected one that is known here; --template ") + name +
                  " asks in the words of its family all the same");
}

Result<void> expect_token(const tokenizer::Tokenizer& tokenizer, const std::string& token, std::int64_t id,
                          const std::string& field) {
  const auto found = tokenizer.token_id(token);
  if (found && *found == id) return {};
  return fail(ErrorKind::mismatch, "cannot use checkpoint", "tokenizer and config.json: " + field,
              "expected " + token + " to be " + std::to_string(id) + ", found " +
                  (found ? std::to_string(*found) : std::string("no such token")));
}

}  // namespace holisafe::models
