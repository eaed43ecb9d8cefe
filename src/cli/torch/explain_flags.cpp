#include "cli/torch/explain_flags.h"

#include <CLI/CLI.hpp>
#include <cerrno>
#include <utility>
#include <vector>

#include <unistd.h>

#include "base/file.h"
#include "cli/type_names.h"
#include "taxonomy/taxonomy.h"

namespace holisafe::cli {
namespace {

std::vector<std::string> method_names() {
  std::vector<std::string> out;
  for (const explain::Method method : explain::methods) out.emplace_back(explain::name(method));
  return out;
}

/// Of the harms, by every name that they have.
std::vector<std::string> harm_names() {
  std::vector<std::string> out;
  for (const taxonomy::GuardClass& harm : taxonomy::classes().subspan(1)) {
    out.emplace_back(harm.name);
    if (!harm.alias.empty()) out.emplace_back(harm.alias);
  }
  return out;
}

}  // namespace

CLI::Option* add_explain_flags(CLI::App* command, ExplainFlags& flags) {
  CLI::Option* folder =
      command
          ->add_option(
              "--explain", flags.folder,
              "Say where in each flagged picture the verdict comes from, and what the guard says without "
              "that; a picture with the map over it and its numbers (JSON) go into this folder")
          ->type_name(folder_type);
  command
      ->add_option("--explain-method", flags.method,
                   "gradient: twice to three times the work of a verdict; occlusion: up to 64 more verdicts, "
                   "--batch-size at a time")
      ->check(CLI::IsMember(method_names()))
      ->type_name("gradient|occlusion")
      ->needs(folder);
  command
      ->add_option("--explain-class", flags.label,
                   "The harm to explain by name; else the most probable one of each picture")
      ->check(CLI::IsMember(harm_names()))
      ->type_name("NAME")
      ->needs(folder);
  return folder;
}

Result<PictureExplainer> PictureExplainer::make(const engine::Engine& engine, const ExplainFlags& flags,
                                                const image::DecodeOptions& decode, std::size_t batch_size,
                                                const StopFlag& stop) {
  HOLISAFE_CHECK(make_folders(flags.folder));
  if (::access(flags.folder.c_str(), W_OK | X_OK) != 0)
    return fail(system_error("cannot write into folder", flags.folder, errno));
  engine::ExplainOptions options;
  options.method = explain::parse_method(flags.method).value_or(explain::Method::gradient);
  if (!flags.label.empty()) options.label = taxonomy::parse_class(flags.label);
  options.batch_size = batch_size;
  options.decode = decode;
  return PictureExplainer(engine, flags.folder, options, stop);
}

Result<explain::Written> PictureExplainer::explain_picture(std::size_t position, const chat::Image& picture,
                                                           const taxonomy::Verdict& verdict,
                                                           const std::optional<std::string>& system) {
  HOLISAFE_TRY(auto explained, engine::explain(*engine_, picture, verdict, system, options_, stop_));
  auto written = explain::write_files(folder_, position, std::move(explained.explanation), explained.picture);
  if (!written) failure_ = written.error();
  return written;
}

}  // namespace holisafe::cli
