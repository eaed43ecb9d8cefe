// The key of an endpoint: from a file or the environment, never from a flag.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "http/secret.h"

namespace holisafe::cli {

/// Adds --api-key-file, bound to `file`.
inline void add_api_key_flag(CLI::App* command, std::string& file) {
  command->add_option(
      "--api-key-file", file,
      "File with the endpoint's key, newlines at its end left out; otherwise HOLISAFE_API_KEY is used");
}

/// The file's key, or that of HOLISAFE_API_KEY where no file is named; empty where there is neither. Errors:
/// those of http::Secret.
inline Result<http::Secret> api_key(const std::string& file) {
  return file.empty() ? http::Secret::from_environment("HOLISAFE_API_KEY") : http::Secret::from_file(file);
}

}  // namespace holisafe::cli
