// `holisafe completion bash|zsh|fish`: shell completions made from the flag table.
#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/program.h"
#include "cli/type_names.h"

namespace holisafe::cli {
namespace {

/// What may stand where an option's value, or an argument, is due.
struct Offer {
  enum class Kind { nothing, words, folders, files } kind = Kind::nothing;
  std::string words;  ///< with blanks between
};

/// The closed list of a type name such as "TEXT:{pad,crop}" or "text|json"; empty where it is none.
std::string listed_words(const std::string& type) {
  const auto open = type.find(":{");
  std::string out;
  if (open != std::string::npos && type.ends_with('}')) {
    out = type.substr(open + 2, type.size() - open - 3);
  } else if (type.find('|') != std::string::npos && type.find_first_of("= ") == std::string::npos) {
    out = type;
  }
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c == ',' || c == '|'; }, ' ');
  return out;
}

Offer offer_of(const CLI::Option& option) {
  if (option.get_items_expected_max() == 0) return {};
  const std::string type = option.get_type_name();
  if (type == folder_type) return {Offer::Kind::folders, {}};
  if (std::string words = listed_words(type); !words.empty()) return {Offer::Kind::words, std::move(words)};
  return {Offer::Kind::files, {}};
}

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::string path_below(const std::string& path, const CLI::App& command) {
  return path.empty() ? command.get_name() : path + " " + command.get_name();
}

/// Commands, flags and the words of arguments that may follow a command.
std::string words_of(const CLI::App& app) {
  std::string out;
  for (const CLI::App* sub : commands_of(app)) out += sub->get_name() + " ";
  for (const CLI::Option* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) out += "--" + name + " ";
    if (option->get_positional()) out += offer_of(*option).words + " ";
  }
  return std::string(strip(out));
}

std::string bash_offer(const Offer& offer) {
  switch (offer.kind) {
    case Offer::Kind::words:
      return fmt::format("compgen -W \"{}\"", offer.words);
    case Offer::Kind::folders:
      return "compgen -d";
    default:
      return "compgen -f";
  }
}

/// Lines of the script's parts: the paths of all commands; one `case` arm a command (the words that may
/// follow, and what else); one a value of an option.
struct BashParts {
  std::string paths;
  std::string commands;
  std::string values;

  void add(const CLI::App& app, const std::string& path) {
    paths += path + ",";
    Offer further{Offer::Kind::files, {}};
    for (const CLI::Option* option : app.get_options()) {
      const Offer offer = offer_of(*option);
      if (option->get_positional() && offer.kind == Offer::Kind::folders) further = offer;
      if (offer.kind == Offer::Kind::nothing) continue;
      for (const auto& name : option->get_lnames())
        values += fmt::format("    \"{}:--{}\") offer='{}' ;;\n", path, name, bash_offer(offer));
    }
    commands +=
        fmt::format("    \"{}\") words=\"{}\" offer='{}' ;;\n", path, words_of(app), bash_offer(further));
    for (const CLI::App* sub : commands_of(app)) add(*sub, path_below(path, *sub));
  }
};

std::string bash(const CLI::App& app) {
  BashParts parts;
  parts.add(app, "");
  return "_holisafe() {\n"
         "  local path=\"\" word words=\"\" offer=\"\" current=\"${COMP_WORDS[COMP_CWORD]}\"\n"
         "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
         "    [[ \"" +
         parts.paths +
         "\" == *\",${path:+$path }$word,\"* ]] || break\n"
         "    path=\"${path:+$path }$word\"\n"
         "  done\n"
         "  case \"$path:${COMP_WORDS[COMP_CWORD-1]}\" in\n" +
         parts.values +
         "  esac\n"
         "  if [ -z \"$offer\" ]; then\n"
         "    case \"$path\" in\n" +
         parts.commands +
         "    esac\n"
         "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
         "    [ ${#COMPREPLY[@]} -eq 0 ] || return 0\n"
         "  fi\n"
         "  local IFS=$'\\n'\n"
         "  COMPREPLY=($(eval \"$offer\" -- '\"$current\"'))\n"
         "}\n"
         "complete -o filenames -F _holisafe holisafe\n";
}

std::string_view fish_offer(Offer::Kind kind) {
  switch (kind) {
    case Offer::Kind::nothing:
      return "";
    case Offer::Kind::words:
      return " -x -a ";
    case Offer::Kind::folders:
      return " -x -a '(__fish_complete_directories)'";
    case Offer::Kind::files:
      return " -r -F";
  }
  return "";
}

void fish_lines(const CLI::App& app, const std::string& path, std::string& out) {
  const std::string condition =
      path.empty() ? "__fish_use_subcommand" : fmt::format("__fish_seen_subcommand_from {}", path);
  for (const CLI::App* sub : commands_of(app)) {
    out += fmt::format("complete -c holisafe -n '{}' -a '{}' -d '{}'\n", condition, sub->get_name(),
                       sub->get_description());
    fish_lines(*sub, sub->get_name(), out);
  }
  for (const CLI::Option* option : app.get_options()) {
    const Offer offer = offer_of(*option);
    const std::string value = fmt::format("{}{}", fish_offer(offer.kind),
                                          offer.words.empty() ? "" : fmt::format("'{}'", offer.words));
    for (const auto& name : option->get_lnames())
      out += fmt::format("complete -c holisafe -n '{}' -l '{}'{}\n", condition, name, value);
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
