#include "cli/program.h"

#include <cerrno>
#include <cstdio>
#include <exception>
#include <memory>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "base/file.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/terminal.h"
#include "cli/torch_module.h"
#include "cli/type_names.h"
#include "cli/warnings.h"

namespace holisafe::cli {
namespace {

/// Of the command that runs.
Warnings& warnings() {
  static Warnings all;
  return all;
}

/// Every command hangs on what flag_table() makes.
Program& program_of(CLI::App& command) {
  CLI::App* app = &command;
  while (app->get_parent() != nullptr) app = app->get_parent();
  return static_cast<Program&>(*app);
}

const CLI::App* chosen(const CLI::App& app) {
  const auto subcommands = app.get_subcommands();
  return subcommands.empty() ? &app : chosen(*subcommands.back());
}

std::string quoted_list(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, ", "));
}

/// The error for a word the command does not know, naming the nearest flags or commands.
Error unknown_word(const CLI::App& app) {
  const CLI::App* command = chosen(app);
  const auto remaining = app.remaining(true);
  const std::string word = remaining.empty() ? "" : remaining.front().substr(0, remaining.front().find('='));
  std::vector<std::string> candidates;
  const bool flag = word.starts_with("-");
  if (flag) {
    for (const CLI::Option* option : command->get_options()) {
      for (const auto& name : option->get_lnames()) candidates.push_back("--" + name);
    }
  } else {
    for (const CLI::App* sub : command->get_subcommands({})) candidates.push_back(sub->get_name());
  }
  const auto near = nearest(word, candidates);
  std::string detail = near.empty() ? "see `holisafe --help`" : "did you mean " + quoted_list(near) + "?";
  return Error{ErrorKind::usage, flag ? "unknown flag" : "unexpected argument", word, std::move(detail)};
}

/// The error for a flag's value. Where the flag takes one of a list (CLI11 says "x not in {a,b}"), names the
/// nearest.
Error bad_value(const CLI::ParseError& error) {
  std::string detail = error.what();
  const auto list = detail.find(" not in {");
  if (list != std::string::npos && detail.back() == '}') {
    const auto colon = detail.find(": ");
    const auto typed_at = colon == std::string::npos ? 0 : colon + 2;
    const std::string typed = detail.substr(typed_at, list - typed_at);
    const auto near =
        nearest(typed, CLI::detail::split(detail.substr(list + 9, detail.size() - list - 10), ','));
    if (!near.empty()) detail += "; did you mean " + quoted_list(near) + "?";
  }
  return Error{ErrorKind::usage, "bad command line", "", std::move(detail)};
}

/// CLI11 reads "-1" as the largest unsigned number: here it is an error.
void refuse_negative_counts(CLI::App& app) {
  const auto refuse = [](const std::string& text) {
    return text.starts_with("-") ? fmt::format("expected a number from 0, found {}", text) : std::string();
  };
  for (CLI::Option* option : app.get_options()) {
    const std::string type = option->get_type_name();
    // Put before what reads a size's unit, which gives a number.
    if (type.starts_with("UINT") || type.starts_with("SIZE")) option->transform(CLI::Validator(refuse, ""));
  }
  for (CLI::App* command : app.get_subcommands({})) refuse_negative_counts(*command);
}

void refuse_empty_words(CLI::App& app) {
  const auto refuse = [](const std::string& text) {
    return text.empty() ? std::string("expected a value, found an empty one") : std::string();
  };
  for (CLI::Option* option : app.get_options()) {
    const std::string type = option->get_type_name();
    if (type == "TEXT" || type == folder_type) option->check(CLI::Validator(refuse, ""));
  }
  for (CLI::App* command : app.get_subcommands({})) refuse_empty_words(*command);
}

/// The exit code, or the error's where something of the output could not be written: at exit nobody would
/// tell.
int after_output(int exit_code) {
  const int error = std::fflush(stdout) != 0 ? errno : 0;
  if (error == 0 && std::ferror(stdout) == 0) return exit_code;
  return report(system_error("cannot write", "standard output", error == 0 ? EIO : error));
}

int parse_and_run(Program& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    std::ostringstream text;
    const int exit_code = app.exit(asked, text, text);
    fmt::print("{}", text.str());
    return after_output(exit_code);
  } catch (const CLI::ParseError& error) {
    // A mistyped flag often leaves a required one unset: name the mistyped one.
    return report(app.remaining(true).empty() ? bad_value(error) : unknown_word(app));
  }
  Context context;
  const int exit_code = app.chosen ? app.chosen(context) : exit_ok;
  warnings().finish();
  return after_output(exit_code);
}

}  // namespace

CLI::App* declare(CLI::App& parent, const std::string& name, const std::string& description,
                  const std::vector<std::string>& examples) {
  CLI::App* command = parent.add_subcommand(name, description);
  command->prefix_command(false);  // CLI11 would have it from a parent known by name alone (torch_module.h)
  std::string footer = "\nExamples:";
  for (const auto& example : examples) footer += "\n  " + example;
  if (!examples.empty()) command->footer(footer);
  command->option_defaults()->always_capture_default();
  return command;
}

void on_run(CLI::App* command, Command run) {
  command->callback([command, run = std::move(run)] {
    if (command->get_subcommands().empty()) program_of(*command).chosen = run;
  });
}

void on_run(CLI::App* command, std::function<int()> run) {
  on_run(command, [run = std::move(run)](Context&) { return run(); });
}

CLI::Validator utf8_text() {
  const auto check = [](const std::string& text) -> std::string {
    return is_utf8(text) ? "" : "expected UTF-8";
  };
  return CLI::Validator(check, "");
}

CLI::App* declare_group(CLI::App& parent, const std::string& name, const std::string& description) {
  CLI::App* group = parent.add_subcommand(name, description);
  group->require_subcommand(0, 1);
  group->callback([group] {
    if (!group->get_subcommands().empty()) return;
    program_of(*group).chosen = [group](Context&) {
      say(group->help());
      return exit_error;
    };
  });
  return group;
}

int report(const Error& error) {
  say(fmt::format("holisafe: error: {}\n", error.message()));
  return error.kind == ErrorKind::interrupted ? exit_interrupted : exit_error;
}

void warn(const std::string& message) { warnings().add(message); }

std::unique_ptr<Program> flag_table(TorchFlags torch) {
  auto app = std::make_unique<Program>("Safety of vision-language models: measure, guard, answer, make.",
                                       "holisafe");
  app->set_version_flag("--version", std::string("holisafe ") + HOLISAFE_VERSION);
  app->require_subcommand(0, 1);
  add_torch_commands(*app, torch == TorchFlags::all);
  CLI::App* guard = app->get_subcommand("guard");  // reading a guard's run takes no model
  add_guard_labels(*guard);
  add_guard_sort(*guard);
  add_guard_compare(*guard);
  add_guard_report(*guard);
  add_guard_export(*guard);
  add_serve(*app);
  CLI::App* bench = declare_group(*app, "bench", "Measure: run, judge and score benchmarks");
  add_bench_run(*bench);
  add_bench_import(*bench);
  add_bench_score(*bench);
  add_bench_judge(*bench);
  add_bench_report(*bench);
  add_bench_compare(*bench);
  add_bench_export(*bench);
  add_bench_guard(*bench);
  add_bench_list(*bench);
  CLI::App* data = declare_group(*app, "data", "Check, count, look at and make data");
  add_data_check(*data);
  add_data_stats(*data);
  add_data_view(*data);
  add_data_synth(*data);
  add_data_sheet(*data);
  add_data_build(*data);
  add_data_review(*data);
  add_data_split(*data);
  add_data_export(*data);
  add_completion(*app);
  add_man(*app);
  refuse_negative_counts(*app);
  refuse_empty_words(*app);
  return app;
}

int run(int argc, char** argv) {
  try {
    auto app = flag_table(TorchFlags::names_only);
    if (names_torch_command(*app, argc, argv)) app = flag_table(TorchFlags::all);
    if (argc < 2) {
      say(app->help());
      return exit_error;
    }
    return parse_and_run(*app, argc, argv);
  } catch (const std::bad_alloc&) {
    return report({ErrorKind::out_of_memory, "not enough memory", "", ""});
  } catch (const std::system_error& error) {
    if (std::ferror(stdout) != 0)  // of which fmt::print() says this
      return report(system_error("cannot write", "standard output", error.code().value()));
    return report({ErrorKind::internal, "unexpected failure", "", error.what()});
  } catch (const std::exception& error) {
    return report({ErrorKind::internal, "unexpected failure", "", error.what()});
  }
}

}  // namespace holisafe::cli
