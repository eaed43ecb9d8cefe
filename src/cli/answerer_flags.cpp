#include "cli/answerer_flags.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <utility>

#include "cli/torch_module.h"

namespace holisafe::cli {
namespace {

/// The file's key, or that of HOLISAFE_API_KEY where no file is named; empty where there is neither.
Result<http::Secret> api_key(const std::string& file) {
  return file.empty() ? http::Secret::from_environment("HOLISAFE_API_KEY") : http::Secret::from_file(file);
}

Result<std::unique_ptr<chat::Answerer>> open_model(const chat::ModelSettings& settings,
                                                   const StopFlag* stop) {
  HOLISAFE_TRY(const TorchModule* module, torch_module());
  return module->open_model(settings, stop);
}

}  // namespace

void add_request_flags(CLI::App* command, AnswererFlags& flags) {
  http::ClientOptions& client = flags.settings.client;
  command->add_option(
      "--api-key-file", flags.api_key_file,
      "File with the endpoint's key, newlines at its end left out; otherwise HOLISAFE_API_KEY is used");
  command
      ->add_option("--api-key-header", flags.settings.key_header,
                   "Name of the header that holds the key, such as api-key; otherwise the provider's")
      ->type_name("NAME");
  command->add_option(
      "--ca-file", client.ca_file,
      "File with the certificates of authorities to trust, PEM; otherwise SSL_CERT_FILE, then "
      "CURL_CA_BUNDLE, then the system's");
  command
      ->add_option(
          "--tokens-as", flags.tokens_as,
          "How an OpenAI-compatible endpoint is told the longest answer; changed by itself where the "
          "model refuses it")
      ->check(CLI::IsMember({"max_tokens", "max_completion_tokens"}));
  command->add_flag("--no-temperature", flags.settings.parameters.no_temperature,
                    "Send no temperature; left out by itself where the model refuses it");
  command->add_option(
      "--request-json", flags.settings.request_json,
      "File with a JSON object that is merged into every request: its members win, null takes one away");
  command
      ->add_option("--concurrency", client.concurrency,
                   "Most questions at once; of an endpoint fewer where it says 429")
      ->check(CLI::Range(1, 4096));
  command->add_option("--max-retries", client.max_retries, "Tries after the first of each request")
      ->check(CLI::Range(0, 1000));
  command->add_option("--timeout", flags.timeout, "Seconds until a request that has no answer is given up")
      ->check(CLI::Range(0.001, 86400.0));
  command->add_option("--requests-per-minute", client.requests_per_minute,
                      "Most requests in any minute; 0: no bound");
}

void add_endpoint_flags(CLI::App* command, AnswererFlags& flags) {
  add_request_flags(command, flags);
  command->add_flag("--batch", flags.settings.batch,
                    "Use the provider's batch API: cheaper, and may take a day");
  command->add_option("--batch-rows", flags.settings.batches.rows,
                      "Most rows of one batch; 0: as the provider allows");
  command->add_option("--batch-bytes", flags.settings.batches.bytes,
                      "Most bytes of one batch; 0: as the provider allows, up to 100 MB");
}

Result<runs::AnswererSettings> take_settings(AnswererFlags& flags, bool asks_endpoint) {
  runs::AnswererSettings out = std::move(flags.settings);
  if (asks_endpoint) {
    HOLISAFE_TRY(out.key, api_key(flags.api_key_file));
  }
  out.parameters.completion_tokens = flags.tokens_as == "max_completion_tokens";
  out.client.time_limit = std::chrono::milliseconds(static_cast<std::int64_t>(flags.timeout * 1000));
  out.client.seed = static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
  out.batches.max_retries = out.client.max_retries;
  out.local.sequences = out.client.concurrency;
  out.open_model = open_model;
  return out;
}

}  // namespace holisafe::cli
