// The flags of `holisafe serve`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "chat/local_model.h"
#include "http/server.h"
#include "policy/policy.h"
#include "serve/service.h"

namespace CLI {
class App;
}

namespace holisafe::cli {

struct ServeFlags {
  chat::ModelSettings model;
  std::string config;
  bool check = false;
  // What becomes of images.
  std::string policy;
  double threshold = 0.5;
  std::string review_log;
  // Where it listens, and to whom.
  http::ServerOptions server;
  std::string served_model_name;
  std::string api_key_file;
  bool allow_no_key = false;
  std::vector<std::string> allow_hosts;
  std::vector<std::string> allow_origins;
  std::vector<std::string> allow_image_hosts;
  std::string tls_cert;
  std::string tls_key;
  // The server behind it.
  std::string upstream;
  std::string upstream_api_key_file;
  double upstream_timeout = 600;  ///< seconds, as all below
  std::vector<std::string> upstream_fields;
  std::string upstream_images = "auto";
  bool forward_authorization = false;
  // Limits.
  std::size_t queue = 64;
  double queue_timeout = 30;
  double read_timeout = 30;
  double request_timeout = 600;
  double drain_seconds = 30;
  std::uint64_t max_image_bytes = 10'485'760;
  std::uint64_t max_pixels = 50'000'000;
  std::size_t max_images = 8;
  unsigned max_new_tokens = 1024;
  std::string access_log = "-";
};

/// Declares them all.
void add_serve_flags(CLI::App* command, ServeFlags& flags);

/// Sets flags that were not given from HOLISAFE_SERVE_NAME in the environment (--queue-timeout:
/// QUEUE_TIMEOUT); lists with commas. Errors: usage (a value that the flag does not take).
Result<void> apply_environment(CLI::App& command);

/// What they say.
struct ServeSettings {
  chat::ModelSettings model;
  http::ServerOptions server;
  serve::ServiceOptions service;
  policy::Policy policy;
};
/// Reads policy and keys. Errors: usage (what does not fit together, and a host that is not loopback without
/// a key), those of policy::read() and of reading keys.
Result<ServeSettings> settings_of(const ServeFlags& flags);
/// The policy alone, anew.
Result<policy::Policy> policy_of(const ServeFlags& flags);

/// "http://127.0.0.1:8080".
std::string address_of(const http::ServerOptions& server, std::uint16_t port);

}  // namespace holisafe::cli
