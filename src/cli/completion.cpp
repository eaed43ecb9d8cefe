// `holisafe completion bash|zsh|fish`: shell completions made from the flag table.
#include <memory>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/program.h"

namespace holisafe::cli {
namespace {

std::string words_of(const CLI::App& app) {
  std::string out;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
    out += sub->get_name() + " ";
  for (const CLI::Option* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) out += "--" + name + " ";
  }
  if (!out.empty()) out.pop_back();
  return out;
}

/// One `case` arm a command: its full path, then the words that may follow.
void bash_arms(const CLI::App& app, const std::string& path, std::string& out) {
  out += fmt::format("    \"{}\") words=\"{}\" ;;\n", path, words_of(app));
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    bash_arms(*sub, path.empty() ? sub->get_name() : path + " " + sub->get_name(), out);
  }
}

std::string bash(const CLI::App& app) {
  std::string arms;
  bash_arms(app, "", arms);
  return "_holisafe() {\n"
         "  local path=\"\" word words=\"\"\n"
         "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
         "    case \"$word\" in -*) break ;; esac\n"
         "    path=\"${path:+$path }$word\"\n"
         "  done\n"
         "  case \"$path\" in\n" +
         arms +
         "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
         "  [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
         "}\n"
         "complete -o filenames -F _holisafe holisafe\n";
}

void fish_lines(const CLI::App& app, const std::string& path, std::string& out) {
  const std::string condition =
      path.empty() ? "__fish_use_subcommand" : fmt::format("__fish_seen_subcommand_from {}", path);
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    out += fmt::format("complete -c holisafe -n '{}' -a '{}' -d '{}'\n", condition, sub->get_name(),
                       sub->get_description());
    fish_lines(*sub, sub->get_name(), out);
  }
  for (const CLI::Option* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) {
      out += fmt::format("complete -c holisafe -n '{}' -l '{}'\n", condition, name);
    }
  }
}

}  // namespace

void add_completion(CLI::App& app) {
  auto shell = std::make_shared<std::string>();
  CLI::App* command = declare(app, "completion", "Print shell completions",
                              {"holisafe completion bash > /etc/bash_completion.d/holisafe"});
  command->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  on_run(command, [shell] {
    const auto table = flag_table(TorchFlags::all);
    if (*shell == "fish") {
      std::string out;
      fish_lines(*table, "", out);
      fmt::print("{}", out);
    } else {
      fmt::print("{}{}", *shell == "zsh" ? "autoload -U bashcompinit && bashcompinit\n" : "", bash(*table));
    }
    return exit_ok;
  });
}

}  // namespace holisafe::cli
