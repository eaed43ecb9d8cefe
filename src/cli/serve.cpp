// `holisafe serve`.
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <malloc.h>

#include "cli/commands.h"
#include "cli/config_file.h"
#include "cli/context.h"
#include "cli/program.h"
#include "cli/serve_flags.h"
#include "cli/terminal.h"
#include "cli/torch_module.h"

namespace holisafe::cli {
namespace {

using Clock = std::chrono::steady_clock;
using Scheduler = std::unique_ptr<schedule::Scheduler>;

/// How long a signal may stay unseen.
constexpr std::chrono::milliseconds poll{20};
/// How often what is free goes back to the system. Pictures kept and dropped leave holes in glibc's memory
/// that little fits: a third more is resident after ten minutes of load, while what is used stays the same.
constexpr std::chrono::seconds trimming_time{30};
/// What is freed between two such times stays, up to so many bytes a thread: bodies with pictures are large
/// blocks, and mapping and clearing their pages anew was two fifths of what the proxy costs.
constexpr int kept_bytes = 256 << 20;
/// The most that glibc knows: larger blocks are mapped and unmapped each by itself.
constexpr int largest_kept_block = 32 << 20;
/// For last words to clients whose answers were cut off.
constexpr std::chrono::seconds last_words_time{2};

/// A signal handler has no argument of its own.
std::atomic<bool> asked_to_read_again = false;

void listen_to_hangup() {
  struct sigaction action {};
  action.sa_handler = [](int) { asked_to_read_again = true; };
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGHUP, &action, nullptr);
}

/// On a thread of its own: loading LibTorch and a model takes seconds to minutes, in which the service says
/// so.
Result<Scheduler> load_model(const chat::ModelSettings& settings) {
  HOLISAFE_TRY(const TorchModule* module, torch_module());
  return module->open_guard(settings, nullptr);
}

void say_fail_open(const policy::Policy& policy) {
  if (policy.fails_open)
    say("holisafe: warning: the policy fails open: images pass unjudged where the guard fails\n");
}

/// One run of the service.
class Serving {
 public:
  Serving(const ServeFlags& flags, StopFlag& stop) : flags_(flags), stop_(stop) {}

  int run();
  int check();

 private:
  Result<void> open();
  void begin_loading();
  /// What became of loading; nothing while it is under way.
  std::optional<Error> look_after_model();
  void look_after_policy();
  void look_after_memory();
  int drain();
  [[nodiscard]] bool idle() const { return service_->under_way() == 0 && server_->under_way() == 0; }
  void wait_until(Clock::time_point deadline, bool (Serving::*done)() const, bool until_urgent);
  /// Ends the process where a model is being loaded, which cannot be given up.
  int leave(int exit_code);

  const ServeFlags& flags_;
  StopFlag& stop_;
  chat::ModelSettings model_;
  std::unique_ptr<serve::Service> service_;
  std::unique_ptr<http::Server> server_;
  std::future<Result<Scheduler>> loading_;
  Clock::time_point trim_at_ = Clock::now() + trimming_time;
};

Result<void> Serving::open() {
  HOLISAFE_TRY(ServeSettings settings, settings_of(flags_));
  say_fail_open(settings.policy);
  model_ = settings.model;
  HOLISAFE_TRY(service_, serve::Service::open(std::move(settings.service), std::move(settings.policy)));
  HOLISAFE_TRY(server_, http::Server::listen(settings.server, *service_));
  say(fmt::format("holisafe: listening on {}\n", address_of(settings.server, server_->port())));
  return {};
}

void Serving::begin_loading() {
  std::promise<Result<Scheduler>> promise;
  loading_ = promise.get_future();
  std::thread([settings = model_, promise = std::move(promise)]() mutable {
    promise.set_value(load_model(settings));
  }).detach();
}

std::optional<Error> Serving::look_after_model() {
  if (!loading_.valid() || loading_.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
    return std::nullopt;
  auto scheduler = loading_.get();
  if (!scheduler) return scheduler.error();
  service_->model(*std::move(scheduler));
  say("holisafe: ready\n");
  return std::nullopt;
}

void Serving::look_after_policy() {
  if (!asked_to_read_again.exchange(false)) return;
  auto policy = policy_of(flags_);
  if (!policy) {
    report(policy.error());
    return service_->log("the policy stays as it was: " + policy.error().message());
  }
  say_fail_open(*policy);
  service_->log(fmt::format("policy read: {} {}", policy->name, policy->version));
  service_->policy(*std::move(policy));
}

void Serving::wait_until(Clock::time_point deadline, bool (Serving::*done)() const, bool until_urgent) {
  while (!(this->*done)() && Clock::now() < deadline && !(until_urgent && stop_.urgent()))
    std::this_thread::sleep_for(poll);
}

void keep_freed_memory() {
  ::mallopt(M_MMAP_THRESHOLD, largest_kept_block);
  ::mallopt(M_TRIM_THRESHOLD, kept_bytes);
}

void Serving::look_after_memory() {
  if (Clock::now() < trim_at_) return;
  ::malloc_trim(0);
  trim_at_ = Clock::now() + trimming_time;
}

int Serving::drain() {
  service_->drain();
  server_->end_kept_connections();
  const auto seconds = std::chrono::duration<double>(flags_.drain_seconds);
  wait_until(Clock::now() + std::chrono::duration_cast<Clock::duration>(seconds), &Serving::idle, true);
  int exit_code = exit_ok;
  if (const std::size_t left = std::max(service_->under_way(), server_->under_way()); left > 0) {
    exit_code = report({ErrorKind::timeout, "answers were cut off", "--drain-seconds",
                        fmt::format("{} requests were still under way", left)});
    service_->end_all();
    wait_until(Clock::now() + last_words_time, &Serving::idle, false);
  }
  return exit_code;
}

int Serving::leave(int exit_code) {
  server_.reset();
  service_.reset();
  if (!loading_.valid()) return exit_code;
  std::fflush(nullptr);
  std::_Exit(exit_code);
}

int Serving::run() {
  if (const auto opened = open(); !opened) return report(opened.error());
  begin_loading();
  while (!stop_.requested()) {
    if (const auto error = look_after_model()) {
      server_->close();
      return report(*error);
    }
    look_after_policy();
    look_after_memory();
    std::this_thread::sleep_for(poll);
  }
  return leave(drain());
}

/// All that starting reads, on a port that nobody knows.
int Serving::check() {
  auto settings = settings_of(flags_);
  if (!settings) return report(settings.error());
  model_ = settings->model;
  // Logs are not begun by a check.
  settings->service.access_log.clear();
  settings->service.review_log.clear();
  auto service = serve::Service::open(std::move(settings->service), std::move(settings->policy));
  if (!service) return report(service.error());
  settings->server.host = "127.0.0.1";
  settings->server.port = 0;
  const auto server = http::Server::listen(settings->server, **service);
  if (!server) return report(server.error());
  const auto scheduler = load_model(model_);
  if (!scheduler) return report(scheduler.error());
  say("holisafe: all is well\n");
  return exit_ok;
}

int run_serve(CLI::App& command, ServeFlags& flags, Context& context) {
  if (const auto applied = apply_environment(command); !applied) return report(applied.error());
  if (!flags.config.empty()) {
    if (const auto applied = apply_config(command, flags.config); !applied) return report(applied.error());
  }
  prepare_for_torch();
  StopFlag& stop = context.stop();
  listen_to_hangup();
  keep_freed_memory();
  Serving serving(flags, stop);
  return flags.check ? serving.check() : serving.run();
}

}  // namespace

void add_serve(CLI::App& app) {
  auto flags = std::make_shared<ServeFlags>();
  CLI::App* command =
      declare(app, "serve", "Answer, moderate, and guard another server: OpenAI's API with verdicts",
              {"holisafe serve --model SafeLLaVA-7B",
               "holisafe serve --model SafeLLaVA-7B --policy shop.toml --review-log review.jsonl",
               "holisafe serve --model SafeLLaVA-7B --upstream http://127.0.0.1:8000/v1",
               "holisafe serve --config serve.toml --check"});
  add_serve_flags(command, *flags);
  on_run(command, [command, flags](Context& context) { return run_serve(*command, *flags, context); });
}

}  // namespace holisafe::cli
