// A question's schema in words, for endpoints that take none.
#pragma once

#include "base/result.h"
#include "chat/chat.h"

namespace holisafe::ask {

/// Takes the schema out of a question, and says before the text of its last turn what is to be answered: the
/// schema's name, and each field with its type, the values that it may have and its description. (Before,
/// since material that is judged may end a text.) Errors: malformed (no JSON object with properties).
Result<void> describe_schema(chat::Question& question);

}  // namespace holisafe::ask
