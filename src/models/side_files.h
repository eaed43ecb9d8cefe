// The small files beside a checkpoint's weights.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/config_fields.h"
#include "models/model.h"
#include "tokenizer/tokenizer.h"

namespace holisafe::models {

/// The image processor's fields: `image_processor` of processor_config.json (transformers 5), else
/// preprocessor_config.json. Errors: not_found (neither), those of read_json, wrong_type.
Result<ConfigFields> image_processor_fields(const std::filesystem::path& folder);

/// Tokens that end an answer: generation_config.json's `eos_token_id` (one or several; nothing else of that
/// file counts), where absent `fallback`. Errors: those of read_json, wrong_type.
Result<std::vector<std::int64_t>> stop_token_ids(const std::filesystem::path& folder,
                                                 std::vector<std::int64_t> fallback);

/// That a checkpoint's chat template, where it has one, is one of those that a family's prompts follow.
/// Nothing is looked at where the user names a prompt or none will be made. `name` is the family's own for
/// its prompt. Errors: unsupported (another template; names its file and --template), those of
/// read_chat_template.
Result<void> check_chat_template(const std::filesystem::path& folder, std::span<const char* const> known,
                                 const char* name, const LoadOptions& options);

/// That a tokenizer has a special token under the id a config says. Errors: mismatch (names token, field and
/// ids).
Result<void> expect_token(const tokenizer::Tokenizer& tokenizer, const std::string& token, std::int64_t id,
                          const std::string& field);

}  // namespace holisafe::models
