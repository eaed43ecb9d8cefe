// Parameters of a request that some models do not take: what is sent instead.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ask/json.h"
#include "base/result.h"

namespace holisafe::ask {

struct Provider;

/// How requests differ from what every model used to take.
struct Parameters {
  bool completion_tokens = false;  ///< max_completion_tokens stands for max_tokens
  bool no_temperature = false;     ///< no temperature is sent
  bool no_schema = false;          ///< a question's schema is described in its text instead

  bool operator==(const Parameters&) const = default;

  /// What `more` knows beside.
  void add(const Parameters& more) {
    completion_tokens = completion_tokens || more.completion_tokens;
    no_temperature = no_temperature || more.no_temperature;
    no_schema = no_schema || more.no_schema;
  }
  /// Changes the body of a request. Of a schema Endpoint::body() takes care.
  void apply(Json& body) const;
  /// As a run remembers it: "max_completion_tokens no-temperature
  /// no-schema"; and back. Errors: malformed.
  [[nodiscard]] std::string text() const;
  static Result<Parameters> parse(std::string_view text);
};

/// A change that an error asks for, and what to say of it.
struct ParameterChange {
  Parameters parameters;
  std::string said;  ///< names the parameter
};

/// What to send from now on, where the error's body of a request that was sent with `sent` says that the
/// model does not take one of the parameters above; nothing where it is about something else. A limit on
/// tokens that is only too high is something else.
std::optional<ParameterChange> change_for(const Provider& provider, const Parameters& sent,
                                          const Json& error);

}  // namespace holisafe::ask
