#include "cli/torch/guard_run.h"

#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "base/json_line.h"
#include "cli/program.h"
#include "cli/terminal.h"
#include "cli/text_table.h"
#include "cli/torch/guard_progress.h"
#include "cli/torch/model_flags.h"
#include "cli/type_names.h"
#include "engine/boundary.h"
#include "engine/picture_judge.h"
#include "moderation/run_page.h"
#include "runs/guard_run.h"
#include "verdicts/verdict_line.h"

namespace holisafe::cli {
namespace {

runs::GuardThreshold threshold_of(const GuardFlags& flags) { return {flags.threshold, flags.thresholds}; }

/// The run's lines as verdicts.jsonl has them.
Result<void> print_lines(const std::string& run) {
  HOLISAFE_TRY(const auto store, verdicts::GuardStore::open(run, store::Access::read));
  HOLISAFE_TRY(const auto flagging, store.flagging());
  HOLISAFE_TRY(auto lines, store.lines());
  verdicts::Line line;
  while (true) {
    HOLISAFE_TRY(const bool found, lines.next(line));
    if (!found) break;
    const std::string text = json_line(verdicts::to_json(line, flagging));
    if (std::fputs(text.c_str(), stdout) < 0) break;
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    return fail(ErrorKind::io, "cannot write", "standard output");
  return {};
}

void print_table(const runs::GuardSummary& summary) {
  std::vector<std::vector<std::string>> rows{{"class", "images", "flagged"}};
  for (std::size_t i = 0; i < taxonomy::class_count; ++i) {
    if (summary.labels[i] == 0 && summary.harms[i] == 0) continue;
    rows.push_back({std::string(taxonomy::classes()[i].name), fmt::format("{}", summary.labels[i]),
                    fmt::format("{}", summary.harms[i])});
  }
  fmt::print("{}", text_table(rows));
}

/// What became of a run, on stdout, and its last line on stderr.
int finish(const GuardFlags& flags, const GuardProgressLines& lines, const Result<runs::GuardRunEnd>& end) {
  if (!end) return report(end.error());
  const runs::GuardSummary& summary = end->summary;
  const bool as_lines = flags.progress == "json";
  if (as_lines) {
    lines.finish(summary);
  } else {
    say(fmt::format("holisafe: {} images, {} flagged, {} errors, {} duplicates, {:.1f} s\n", summary.images,
                    summary.flagged, summary.errors, summary.duplicates, lines.seconds()));
    std::string kinds;
    for (const auto& [kind, count] : summary.error_kinds)
      kinds += fmt::format("{}{} {}", kinds.empty() ? "" : ", ", count, kind);
    if (!kinds.empty()) say(fmt::format("holisafe: errors: {}: verdicts.jsonl names each file\n", kinds));
  }
  if (end->interrupted) return exit_interrupted;
  if (flags.json) {
    if (const auto printed = print_lines(flags.out); !printed) return report(printed.error());
  } else {
    print_table(summary);
  }
  return summary.errors > 0 ? exit_error : summary.flagged > 0 ? exit_found : exit_ok;
}

/// RUN/report.html; pictures are decoded as the run's are.
runs::WritePage page_writer(const image::DecodeOptions& decode) {
  return [decode](const verdicts::GuardStore& store) {
    return moderation::write_run_page(store, {.decode = decode, .version = HOLISAFE_VERSION});
  };
}

std::vector<std::string> folders_among(const std::vector<std::string>& paths) {
  std::vector<std::string> out;
  std::error_code code;
  for (const std::string& path : paths) {
    if (std::filesystem::is_directory(path, code)) out.push_back(path);
  }
  return out;
}

}  // namespace

void add_run_flags(CLI::App* command, GuardFlags& flags) {
  auto* out = command
                  ->add_option("--out", flags.out,
                               "A run's folder: verdicts are kept as they come, the same command goes on; "
                               "verdicts.jsonl, summary.json, report.html")
                  ->type_name(folder_type);
  auto* pooled = command->add_flag(
      "--pooled", flags.pooled,
      "Keep each picture's pooled vector for --from: 4 bytes times the hidden size, 16 KB for 4,096");
  auto* from =
      command
          ->add_option("--from", flags.from,
                       "Judge what this run keeps (--pooled) with another --guard, without its model")
          ->type_name(folder_type);
  pooled->needs(out);
  from->needs(out);
}

int judge_into_run(const GuardFlags& flags, Context& context) {
  if (flags.model.model.empty())
    return report({ErrorKind::usage, "bad command line", "", "--model is required"});
  StopFlag& stop = context.stop();
  ImagePaths paths(flags.paths, flags.list, STDIN_FILENO, &stop);
  runs::GuardSummary so_far;
  TerminalProgress drawn("guard", "images");
  GuardProgressLines lines(so_far);
  runs::GuardRunSettings settings;
  settings.folder = flags.out;
  settings.model = flags.model;
  settings.decode = flags.judge.decode;
  settings.pooled = flags.pooled;
  settings.threshold = threshold_of(flags);
  settings.threads = flags.judge.decode_threads;
  settings.trees = folders_among(flags.paths);
  settings.source = [&paths] { return paths.next(); };
  settings.open_judge = [&]() -> Result<std::unique_ptr<verdicts::PictureJudge>> {
    return engine::within_boundary("cannot load", [&]() -> Result<std::unique_ptr<verdicts::PictureJudge>> {
      HOLISAFE_TRY(auto engine, open_engine(flags.model, flags.strict_base));
      if (!flags.json) say_hardware(engine);
      return engine::EngineJudge::make(std::move(engine), flags.judge, flags.model.model);
    });
  };
  settings.write_page = page_writer(flags.judge.decode);
  settings.on_listed = [&](std::uint64_t known) {
    drawn.begin_at(known);
    lines.begin_at(known);
  };
  const bool as_lines = flags.progress == "json";
  Progress* progress = as_lines ? static_cast<Progress*>(&lines) : &drawn;
  return finish(flags, lines, runs::run_guard(std::move(settings), so_far, progress, stop));
}

int judge_kept_vectors(const GuardFlags& flags, Context& context) {
  const auto misses = [](const char* flag) {
    return report({ErrorKind::usage, "bad command line", "--from", std::string(flag) + " is required"});
  };
  if (flags.model.guard.empty()) return misses("--guard");
  if (!flags.model.model.empty() || !flags.paths.empty()) {
    return report({ErrorKind::usage, "bad command line", "--from",
                   "expected no --model and no PATH: both are the run's"});
  }
  runs::GuardFromSettings settings;
  settings.folder = flags.out;
  settings.from = flags.from;
  settings.guard = flags.model.guard;
  settings.pooled = flags.pooled;
  settings.threshold = threshold_of(flags);
  settings.write_page = page_writer(flags.judge.decode);
  settings.open_judge = [&flags] { return engine::GuardJudge::open(flags.model.guard); };
  TerminalProgress drawn("guard", "images");
  const runs::GuardSummary none;
  GuardProgressLines lines(none);
  const bool as_lines = flags.progress == "json";
  Progress* progress = as_lines ? static_cast<Progress*>(&lines) : &drawn;
  return finish(flags, lines, runs::run_guard_from(settings, progress, context.stop()));
}

}  // namespace holisafe::cli
