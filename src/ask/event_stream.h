// Answers that come as a stream of events though none was asked for (text/event-stream).
#pragma once

#include <string_view>
#include <vector>

#include "ask/json.h"
#include "base/result.h"

namespace holisafe::ask {

/// Whether a body is a stream of events: its first line is one of theirs.
bool is_event_stream(std::string_view body);

/// The data of all events, each a JSON document; the end mark "[DONE]" is none. Errors: malformed (data that
/// is no JSON, a stream without data).
Result<std::vector<Json>> stream_events(std::string_view provider, std::string_view body);

/// An Error for a stream that ended before its answer did.
Error unfinished_stream(std::string_view provider);

}  // namespace holisafe::ask
