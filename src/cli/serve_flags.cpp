#include "cli/serve_flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "base/file.h"
#include "base/text.h"
#include "cli/model_flags.h"
#include "cli/program.h"
#include "cli/type_names.h"
#include "http/origin.h"

namespace holisafe::cli {
namespace {

constexpr double longest_seconds = 86'400;
constexpr const char* key_variable = "HOLISAFE_SERVE_API_KEY";

/// --queue-timeout is HOLISAFE_SERVE_QUEUE_TIMEOUT.
std::string name_in_environment(const std::string& flag) {
  std::string name = "HOLISAFE_SERVE_" + flag;
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    if (c == '-') return '_';
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return name;
}

void add_words(CLI::App* command, const std::string& name, std::vector<std::string>& words,
               const std::string& help) {
  command->add_option(name, words, help)->delimiter(',')->type_name("NAME");
}

void add_seconds(CLI::App* command, const std::string& name, double& seconds, const std::string& help,
                 double least = 0.001) {
  command->add_option(name, seconds, help)->check(CLI::Range(least, longest_seconds));
}

void add_size(CLI::App* command, const std::string& name, std::uint64_t& bytes, const std::string& help) {
  command->add_option(name, bytes, help)
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->type_name("SIZE");
}

void add_access_flags(CLI::App* command, ServeFlags& flags) {
  command->add_option("--host", flags.server.host, "Address or name to listen on");
  command->add_option("--port", flags.server.port, "Port to listen on; 0: any free one");
  command
      ->add_option("--served-model-name", flags.served_model_name,
                   "What clients call the model; otherwise as its folder")
      ->check(utf8_text());
  command->add_option(
      "--api-key-file", flags.api_key_file,
      fmt::format("File with the keys of clients, one a line; otherwise {} holds one", key_variable));
  command->add_flag("--allow-no-key", flags.allow_no_key,
                    "Listen on an address that others can reach without asking for a key");
  add_words(command, "--allow-host", flags.allow_hosts,
            "Further names by which a client on this machine may call it");
  add_words(command, "--allow-origin", flags.allow_origins,
            "Origins of web pages that may ask, as https://HOST");
  add_words(command, "--allow-image-host", flags.allow_image_hosts,
            "Hosts that images may be fetched from, by https; otherwise images come as data URIs alone");
  command->add_option("--tls-cert", flags.tls_cert,
                      "File with the certificate chain, PEM: https instead of http");
  command->add_option("--tls-key", flags.tls_key, "File with the certificate's key, PEM");
}

void add_upstream_flags(CLI::App* command, ServeFlags& flags) {
  command->add_option(
      "--upstream", flags.upstream,
      "Guard the OpenAI-compatible API at this address, such as http://127.0.0.1:8000/v1, instead of "
      "answering with the local model");
  command->add_option("--upstream-api-key-file", flags.upstream_api_key_file, "File with the upstream's key");
  add_seconds(command, "--upstream-timeout", flags.upstream_timeout,
              "Seconds of the upstream's silence until a request is given up");
  add_words(command, "--upstream-field", flags.upstream_fields,
            "Further members of a request that may go up, beside OpenAI's");
  command
      ->add_option(
          "--upstream-images", flags.upstream_images,
          "What goes up of an image: its file where that can show nothing else than what was judged, else "
          "the judged pixels as PNG (auto); always these (judged); always the file (sent)")
      ->check(CLI::IsMember({"auto", "judged", "sent"}));
  command->add_flag("--forward-authorization", flags.forward_authorization,
                    "Send the client's own Authorization up instead of a key of the upstream's");
}

void add_limit_flags(CLI::App* command, ServeFlags& flags) {
  command->add_option("--concurrency", flags.model.sequences, "Questions under way at once on the model")
      ->check(CLI::Range(1, 4096));
  command->add_option("--queue", flags.queue, "Requests that may wait beside them")
      ->check(CLI::Range(1, 1'000'000));
  add_seconds(command, "--queue-timeout", flags.queue_timeout,
              "Seconds that a request may wait for the model");
  add_seconds(command, "--read-timeout", flags.read_timeout,
              "Seconds in which a whole request must have come");
  add_seconds(command, "--request-timeout", flags.request_timeout, "Seconds until an answer is given up");
  add_seconds(command, "--drain-seconds", flags.drain_seconds,
              "Seconds that answers under way have after SIGTERM or Ctrl-C", 0);
  command->add_option("--max-connections", flags.server.max_connections, "Connections at once")
      ->check(CLI::Range(1, 1'000'000));
  add_size(command, "--max-body-bytes", flags.server.max_body_bytes, "Of a request's body at most");
  add_size(command, "--max-image-bytes", flags.max_image_bytes, "Of an image's file at most");
  command->add_option("--max-pixels", flags.max_pixels, "Of an image at most")
      ->check(CLI::Range(1, 1'000'000'000));
  command->add_option("--max-images", flags.max_images, "Images of a request at most")
      ->check(CLI::Range(1, 1000));
  command->add_option("--max-new-tokens", flags.max_new_tokens, "Tokens of an answer at most")
      ->check(CLI::Range(1, 1'000'000));
}

std::chrono::milliseconds milliseconds_of(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

Result<std::vector<std::string>> keys_of(const ServeFlags& flags) {
  std::vector<std::string> out;
  std::string text;
  if (!flags.api_key_file.empty()) {
    HOLISAFE_TRY(text, read_file(flags.api_key_file, std::uint64_t{1} << 20));
  } else if (const char* key = std::getenv(key_variable)) {  // NOLINT(concurrency-mt-unsafe): nobody sets one
    text = key;
  }
  const std::string where = flags.api_key_file.empty() ? key_variable : flags.api_key_file;
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = strip(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.empty()) continue;
    const bool printable =
        std::all_of(line.begin(), line.end(), [](char c) { return c > ' ' && c < '\x7f'; });
    if (!printable)
      return fail(ErrorKind::malformed, "bad key", where,
                  "expected printable ASCII characters without blanks");
    out.emplace_back(line);
  }
  if (out.empty() && !flags.api_key_file.empty())
    return fail(ErrorKind::missing, "no key in file", where, "expected a key a line");
  return out;
}

std::string folder_name(const std::string& folder) {
  std::filesystem::path path = std::filesystem::path(folder).lexically_normal();
  if (path.filename().empty()) path = path.parent_path();
  std::error_code error;
  if (path.filename() == "." || path.filename() == "..") path = std::filesystem::canonical(folder, error);
  return as_utf8(path.filename().string());
}

tl::unexpected<Error> bad(std::string detail) {
  return fail(ErrorKind::usage, "bad command line", "", std::move(detail));
}

Result<void> set_upstream(const ServeFlags& flags, serve::ServiceOptions& out) {
  if (flags.upstream.empty()) {
    if (!flags.upstream_api_key_file.empty() || !flags.upstream_fields.empty() || flags.forward_authorization)
      return bad("--upstream-api-key-file, --upstream-field and --forward-authorization need --upstream");
    return {};
  }
  serve::UpstreamOptions upstream;
  upstream.url = flags.upstream;
  upstream.timeout = milliseconds_of(flags.upstream_timeout);
  if (!flags.upstream_api_key_file.empty()) {
    HOLISAFE_TRY(upstream.key, http::Secret::from_file(flags.upstream_api_key_file));
  }
  out.upstream = std::move(upstream);
  out.upstream_fields = {flags.upstream_fields.begin(), flags.upstream_fields.end()};
  out.forward_authorization = flags.forward_authorization;
  if (flags.upstream_images == "judged") out.upstream_images = serve::UpstreamImages::judged;
  if (flags.upstream_images == "sent") out.upstream_images = serve::UpstreamImages::sent;
  return {};
}

void set_limits(const ServeFlags& flags, ServeSettings& out) {
  out.server.read_timeout = milliseconds_of(flags.read_timeout);
  serve::RequestLimits& limits = out.service.limits;
  limits.max_images = flags.max_images;
  limits.max_image_bytes = flags.max_image_bytes;
  limits.max_new_tokens = flags.max_new_tokens;
  limits.fetches_urls = !flags.allow_image_hosts.empty();
  serve::GuardOptions& guard = out.service.guard;
  guard.decode.limits.file_bytes = flags.max_image_bytes;
  guard.decode.limits.pixels = flags.max_pixels;
  guard.queue_timeout = milliseconds_of(flags.queue_timeout);
  guard.request_timeout = milliseconds_of(flags.request_timeout);
  out.service.most_requests = flags.model.sequences + flags.queue;
  // Each image of a request is a question.
  out.model.queue = out.service.most_requests * flags.max_images;
  out.model.image_bytes = flags.max_image_bytes;
  out.model.image_pixels = flags.max_pixels;
}

}  // namespace

void add_serve_flags(CLI::App* command, ServeFlags& flags) {
  add_model_flags(command, flags.model);
  add_cache_flag(command, flags.model);
  auto* policy =
      command->add_option("--policy", flags.policy,
                          "File that says what becomes of which picture (holisafe-policy/1, TOML); "
                          "SIGHUP reads it again");
  command
      ->add_option("--threshold", flags.threshold,
                   "Without --policy: blocked from this probability of harm on")
      ->check(CLI::Range(0.0, 1.0))
      ->excludes(policy);
  command->add_option("--review-log", flags.review_log,
                      "File for a line on each image to be reviewed; no contents");
  add_access_flags(command, flags);
  add_upstream_flags(command, flags);
  add_limit_flags(command, flags);
  command->add_option("--access-log", flags.access_log,
                      "File for a line a request; - for standard output, none for none");
  command->add_option("--config", flags.config, "TOML file with these flags by name; flags given here win");
  command->add_flag("--check", flags.check,
                    "Read everything, the model too, and end: 0 where all is well, else 2");
}

Result<void> apply_environment(CLI::App& command) {
  for (CLI::Option* option : command.get_options()) {
    if (option->count() > 0 || option->get_lnames().empty() || option->get_lnames().front() == "help")
      continue;
    const std::string& flag = option->get_lnames().front();
    const std::string name = name_in_environment(flag);
    const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nobody sets one
    if (value == nullptr || *value == '\0') continue;
    try {
      const bool is_flag = option->get_items_expected_max() == 0;
      option->add_result(is_flag ? option->get_flag_value("--" + flag, value) : value);
      option->run_callback();
    } catch (const CLI::ParseError& error) {
      return fail(ErrorKind::usage, "bad environment", name, error.what());
    }
  }
  return {};
}

Result<policy::Policy> policy_of(const ServeFlags& flags) {
  if (flags.policy.empty()) return policy::of_threshold(flags.threshold);
  return policy::read(flags.policy);
}

Result<ServeSettings> settings_of(const ServeFlags& flags) {
  ServeSettings out;
  if (flags.model.model.empty()) return bad("--model is required");
  if (flags.tls_cert.empty() != flags.tls_key.empty()) return bad("--tls-cert and --tls-key go together");
  HOLISAFE_TRY(out.policy, policy_of(flags));
  out.model = flags.model;
  out.server = flags.server;
  out.server.tls_cert = flags.tls_cert;
  out.server.tls_key = flags.tls_key;
  HOLISAFE_TRY(out.service.keys, keys_of(flags));
  out.service.loopback = http::is_loopback_name(flags.server.host);
  if (!out.service.loopback && out.service.keys.empty() && !flags.allow_no_key)
    return bad(
        fmt::format("--host {} can be reached by others: expected --api-key-file, {} or --allow-no-key",
                    flags.server.host, key_variable));
  out.service.model_name =
      flags.served_model_name.empty() ? folder_name(flags.model.model) : flags.served_model_name;
  out.service.allowed_hosts = flags.allow_hosts;
  out.service.allowed_origins = flags.allow_origins;
  out.service.image_hosts = flags.allow_image_hosts;
  HOLISAFE_CHECK(set_upstream(flags, out.service));
  set_limits(flags, out);
  if (flags.access_log != "none") out.service.access_log = flags.access_log;
  out.service.review_log = flags.review_log;
  return out;
}

std::string address_of(const http::ServerOptions& server, std::uint16_t port) {
  const bool brackets = server.host.find(':') != std::string::npos && !server.host.starts_with('[');
  return fmt::format("{}://{}{}{}:{}", server.tls_cert.empty() ? "http" : "https", brackets ? "[" : "",
                     server.host, brackets ? "]" : "", port);
}

}  // namespace holisafe::cli
