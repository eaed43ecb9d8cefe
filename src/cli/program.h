// The program: parses the command line with the one flag table (a CLI::App tree) and runs the chosen command.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/nearest.h"
#include "base/result.h"
#include "cli/context.h"

namespace holisafe::cli {

/// Exit codes of the contract (docs/contract in the man page): an error wins over a finding.
inline constexpr int exit_ok = 0;
inline constexpr int exit_found = 1;
inline constexpr int exit_error = 2;
inline constexpr int exit_interrupted = 130;

/// What a command does once its flags are parsed; gives the exit code.
using Command = std::function<int(Context&)>;

/// The flag table, and what the parsed command line asks for.
class Program : public CLI::App {
 public:
  using CLI::App::App;

  Command chosen;  ///< nothing before parsing
};

/// Declares a command: its flags bind to variables owned by a shared_ptr that `command` captures, and its
/// help ends with `examples`, one a line. Returns the subcommand to add flags to; call on_run() with what it
/// does.
///
///   struct Flags { std::string path; bool json = false; };
///   auto flags = std::make_shared<Flags>();
///   CLI::App* stats = declare(parent, "stats", "Counts of a data set", {"holisafe data stats DIR --json"});
///   stats->add_option("DIR", flags->path, "Data set folder")->required();
///   stats->add_flag("--json", flags->json, "One JSON object");
///   on_run(stats, [flags] { return run_stats(*flags); });
CLI::App* declare(CLI::App& parent, const std::string& name, const std::string& description,
                  const std::vector<std::string>& examples);
/// A command that has commands of its own (`guard calibrate`) does not run when one of them is named.
void on_run(CLI::App* command, Command run);
/// The same for a command that needs nothing of the program.
void on_run(CLI::App* command, std::function<int()> run);

/// Declares a group of commands, such as `data`; a group alone prints its help and exits 2.
CLI::App* declare_group(CLI::App& parent, const std::string& name, const std::string& description);

/// For a flag whose text is sent or kept as JSON: refuses what is not UTF-8.
CLI::Validator utf8_text();

/// Prints `holisafe: error: …` on stderr; gives the exit code, so that commands can `return report(error)`:
/// exit_interrupted where a signal stopped it, else exit_error.
int report(const Error& error);

/// Prints `holisafe: warning: …` on stderr; of each kind (what stands before the first colon) the first 20,
/// and how many more there were when the command has ended.
void warn(const std::string& message);

/// How much of the LibTorch commands the flag table holds: their names, or (loading the module) all their
/// flags too.
enum class TorchFlags { names_only, all };

/// The flag table, without parsing anything: what help, completions and the man page are made from.
std::unique_ptr<Program> flag_table(TorchFlags torch);

/// Parses and runs. Never throws.
int run(int argc, char** argv);

}  // namespace holisafe::cli
