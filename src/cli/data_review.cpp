// `holisafe data review`: a build's pairs on a page, decided by people.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <thread>

#include <fmt/format.h>

#include "base/json_line.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/program.h"
#include "cli/type_names.h"
#include "construction/build_report.h"
#include "construction/files.h"
#include "construction/review_source.h"
#include "construction/work.h"
#include "http/token.h"
#include "review/service.h"

namespace holisafe::cli {
namespace {

/// How long a signal may stay unseen.
constexpr std::chrono::milliseconds review_poll{20};
/// For answers that are on their way when a signal comes.
constexpr std::chrono::seconds last_answers_time{5};
constexpr std::size_t token_characters = 40;

struct ReviewFlags {
  std::string work;
  std::uint16_t port = 0;
  std::string apply;
  bool json = false;
};

/// Who decides where nobody says so: whoever is logged in.
std::string usual_reviewer() {
  for (const char* variable : {"USER", "LOGNAME"}) {
    const char* name = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): nothing here sets variables
    if (name != nullptr && *name != '\0' && is_utf8(name)) return name;
  }
  return "reviewer";
}

/// Where none is there, the words of reading: writing would begin one.
Result<construction::Work> open_build(const std::string& folder) {
  std::error_code code;
  const bool there =
      std::filesystem::exists(std::filesystem::path(folder) / construction::Work::file_name, code);
  return construction::Work::open(folder, there ? store::Access::write : store::Access::read);
}

/// The page too: a picture that is in quarantine now may stand in it.
Result<void> write_results(const construction::Work& work) {
  HOLISAFE_CHECK(construction::write_files(work));
  return construction::write_build_report(work, HOLISAFE_VERSION);
}

Result<int> take_file(const ReviewFlags& flags) {
  HOLISAFE_TRY(auto work, open_build(flags.work));
  HOLISAFE_TRY(const auto taken, construction::apply_decisions(work, flags.apply, usual_reviewer()));
  HOLISAFE_CHECK(write_results(work));
  construction::PairFilter ready;
  ready.state = construction::PairState::ready;
  ready.undecided = true;
  HOLISAFE_TRY(const auto left, work.pair_count(ready));
  if (flags.json) {
    fmt::print("{}", json_line({{"decisions", taken}, {"left", left}}));
  } else {
    fmt::print("{} decisions taken; {} ready pairs are undecided\n", taken, left);
  }
  return exit_ok;
}

void say_address(const ReviewFlags& flags, const std::string& url) {
  if (flags.json) {
    fmt::print("{}", json_line({{"url", url}}));
  } else {
    fmt::print("review at {}\nCtrl-C ends it\n", url);
  }
  std::fflush(stdout);
}

Result<int> show_page(const ReviewFlags& flags, StopFlag& stop) {
  HOLISAFE_TRY(auto work, open_build(flags.work));
  construction::ReviewSource source(work, usual_reviewer());
  const std::string token = http::random_token(token_characters);
  review::Service service(source, token);
  HOLISAFE_TRY(const auto server, http::Server::listen(review::server_options(flags.port), service));
  say_address(flags, fmt::format("http://127.0.0.1:{}/?token={}", server->port(), token));
  while (!stop.requested()) std::this_thread::sleep_for(review_poll);
  server->end_kept_connections();
  const auto deadline = std::chrono::steady_clock::now() + last_answers_time;
  while (server->under_way() > 0 && !stop.urgent() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(review_poll);
  server->close();
  service.finish();
  HOLISAFE_CHECK(write_results(work));
  return exit_ok;
}

}  // namespace

void add_data_review(CLI::App& data) {
  auto flags = std::make_shared<ReviewFlags>();
  CLI::App* command =
      declare(data, "review", "Look at a build's pairs on a page and accept, edit or reject them by keys",
              {"holisafe data review build", "holisafe data review build --port 8090 --json",
               "holisafe data review build --apply decisions.jsonl"});
  command->add_option("WORK", flags->work, "Folder of a `data build`")->required()->type_name(folder_type);
  auto* port = command->add_option("--port", flags->port, "Port of the page on 127.0.0.1; 0 is any free one");
  command
      ->add_option("--apply", flags->apply,
                   "Take decisions made elsewhere, JSON objects a line, all or none; no page. - is standard "
                   "input")
      ->type_name("FILE")
      ->excludes(port);
  command->add_flag("--json", flags->json, "The page's address, or what was taken, as a JSON object");
  on_run(command, [flags](Context& context) {
    const auto code = flags->apply.empty() ? show_page(*flags, context.stop()) : take_file(*flags);
    return code ? *code : report(code.error());
  });
}

}  // namespace holisafe::cli
