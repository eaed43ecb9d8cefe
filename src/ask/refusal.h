// What an API says where it does not answer: words for the user, and what follows from them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ask/json.h"
#include "base/error.h"
#include "http/client.h"

namespace holisafe::ask {

/// The body of a response that holds no answer: its JSON, or a string with its text; null of a page of HTML.
Json body_of(const http::Response& response);

/// The message in such a body, in whatever form APIs and gateways give it; empty where there is none. Uncut,
/// so that no part of a key stays when it is taken out.
std::string error_text(const Json& body);

/// The message of an `error` (object or text) in a body that ought to hold an answer, or in a part of it;
/// nothing where there is no such member.
std::optional<std::string> error_within(const Json& value);
/// An Error for that.
Error answered_with_error(std::string_view provider, std::string message);

/// The code by which the body of an error says that a content filter refused the question; nothing if it does
/// not. Filters have codes of their own, or are spoken of: moderation, flagged input, content policy. What is
/// said of keys, projects, accounts or access to a model is something else.
std::optional<std::string> content_filter_code(const Json& body);
/// Whether an error with this status can be one of a content filter.
constexpr bool may_be_filter(long status) { return status == 400 || status == 403 || status == 451; }

/// Whether an error's body says that the account has no credit left, which no waiting changes.
bool is_out_of_quota(const Json& body);
/// Whether an error's body says that there is no such model.
bool lacks_model(const Json& body);
/// Whether what came says that no other question would be answered either: no such model or path, no credit,
/// nobody to be reached.
bool is_hopeless(const http::Outcome& outcome);

/// Whether an error's body is about the parameter `name` of the request: its `param`, its message, or the
/// place that it names.
bool is_about_parameter(const Json& body, std::string_view name);
/// Whether an error's body names the member `name` of the request anywhere, also as the beginning of a path.
bool names_member(const Json& body, std::string_view name);

}  // namespace holisafe::ask
