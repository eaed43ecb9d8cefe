// `holisafe man`: the manual page, made from the flag table.
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/program.h"

namespace holisafe::cli {
namespace {

/// roff reads a leading dot or quote as a request and a backslash as an escape.
std::string roff(const std::string& text) {
  std::string out;
  bool line_start = true;
  for (const char c : text) {
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
    line_start = c == '\n';
  }
  return out;
}

void describe(const CLI::App& app, const std::string& path, std::string& out) {
  if (!path.empty()) {
    out += fmt::format(".SS {}\n{}\n", roff(path), roff(app.get_description()));
    for (const CLI::Option* option : app.get_options()) {
      out += fmt::format(".TP\n\\fB{}\\fR\n{}\n", roff(option->get_name(true, true)),
                         roff(option->get_description()));
    }
    const std::string footer = app.get_footer();
    if (!footer.empty()) out += ".PP\n.nf\n" + roff(footer.substr(1)) + "\n.fi\n";
  }
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    describe(*sub, (path.empty() ? "holisafe" : path) + " " + sub->get_name(), out);
  }
}

}  // namespace

void add_man(CLI::App& app) {
  CLI::App* command = declare(app, "man", "Print the manual page", {"holisafe man | man -l -"});
  on_run(command, [] {
    const auto table = flag_table(TorchFlags::all);
    std::string commands;
    describe(*table, "", commands);
    fmt::print(
        ".TH HOLISAFE 1 \"\" \"holisafe {}\" \"User Commands\"\n.SH NAME\nholisafe \\- {}\n"
        ".SH SYNOPSIS\n\\fBholisafe\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n.SH COMMANDS\n{}"
        ".SH EXIT STATUS\n0: fine. 1: something was flagged, or fell short of a \\-\\-fail bound. 2: error; "
        "an error wins. "
        "130: interrupted, resumable.\n",
        HOLISAFE_VERSION, roff(table->get_description()), commands);
    return exit_ok;
  });
}

}  // namespace holisafe::cli
