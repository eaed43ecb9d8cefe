// The flags of every command that asks a model: who answers, and how an endpoint is asked.
#pragma once

#include <string>

#include "runs/answerers.h"

namespace CLI {
class App;
}

namespace holisafe::cli {

struct AnswererFlags {
  std::string api_key_file;
  std::string tokens_as = "max_tokens";
  double timeout = 120;  ///< seconds
  runs::AnswererSettings settings;
};

/// --api-key-file, --api-key-header, --ca-file, --request-json, --tokens-as, --no-temperature, --concurrency,
/// --max-retries, --timeout, --requests-per-minute, --batch, --batch-rows, --batch-bytes.
void add_endpoint_flags(CLI::App* command, AnswererFlags& flags);

/// The same without the flags of batches.
void add_request_flags(CLI::App* command, AnswererFlags& flags);

/// What the flags say, with the key (read where an endpoint is asked) and what runs models in this program.
/// Errors: those of http::Secret.
Result<runs::AnswererSettings> take_settings(AnswererFlags& flags, bool asks_endpoint);

}  // namespace holisafe::cli
