// The chat template that a checkpoint's files hold, and whether two of them say the same.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace holisafe::checkpoint {

/// A Jinja template as a file holds it.
struct ChatTemplate {
  std::string text;
  std::filesystem::path file;
};

/// The template that transformers would take: of chat_template.jinja, chat_template.json,
/// processor_config.json and tokenizer_config.json the first that has one; of several by name the "default".
/// Nothing where no file has one. Errors: those of read_file and read_json; wrong_type, missing (several,
/// none of them the default), invalid_utf8.
Result<std::optional<ChatTemplate>> read_chat_template(const std::filesystem::path& folder);

/// A template in a form of its own that depends neither on comments, quotes, white space inside of tags, nor
/// on which side of a tag white space is trimmed: equal forms make the same text of the same conversation.
/// Linear in the text. It is read as transformers does (trim_blocks, lstrip_blocks).
std::string normal_form(std::string_view text);

}  // namespace holisafe::checkpoint
