// Conversations as chat templates take them, in a file.
#pragma once

#include <filesystem>

#include "base/result.h"
#include "chat/chat.h"

namespace holisafe::engine {

/// A JSON list of messages: `{"role": "system" | "user" | "assistant", "content": TEXT or [PART, …]}` with
/// the parts `{"type": "text", "text": TEXT}` and `{"type": "image", "path": FILE}`; relative files start
/// from the list's folder. A system message is text and stands first. Whether the turns fit a model is for
/// its template to say. Errors: those of read_json; wrong_type, missing, unsupported (a role or type), naming
/// the message.
Result<chat::Conversation> read_conversation(const std::filesystem::path& file);

}  // namespace holisafe::engine
