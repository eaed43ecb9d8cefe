// `holisafe guard`: the harm class of images.
#include <cstdio>
#include <memory>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/image_flags.h"
#include "cli/image_paths.h"
#include "cli/program.h"
#include "cli/terminal.h"
#include "cli/torch/commands.h"
#include "cli/torch/model_flags.h"
#include "cli/torch/verdict_json.h"
#include "engine/image_feed.h"

namespace holisafe::cli {
namespace {

struct Flags {
  ModelFlags model;
  image::DecodeOptions decode;
  std::vector<std::string> paths;
  bool recursive = false;
  double threshold = 0.5;
  bool json = false;
  int decode_threads = 2;
  std::size_t batch_size = 1;
};

using Items = std::vector<engine::ImageFeed::Item>;

/// Prints verdicts and errors as they come, and remembers what they make of the exit code.
class Printer {
 public:
  explicit Printer(const Flags& flags) : flags_(flags) {}

  /// Says once what computes.
  void start(const engine::Engine& engine) {
    if (!flags_.json && !started_) say_hardware(engine);
    started_ = true;
  }

  void verdict(const std::string& path, const taxonomy::Verdict& verdict) {
    flagged_ = flagged_ || verdict.unsafe() >= flags_.threshold;
    if (flags_.json) {
      nlohmann::ordered_json line{{"path", path}};
      add_verdict(line, verdict, flags_.threshold);
      print(json_line(line));
    } else {
      print(fmt::format("{}: {}\n", one_line(path), verdict_text(verdict, flags_.threshold)));
    }
  }

  void error(const std::string& path, const Error& error) {
    failed_ = true;
    if (!flags_.json) {
      report(error);
      return;
    }
    print(json_line({{"path", path}, {"error", {{"kind", name(error.kind)}, {"message", error.message()}}}}));
  }

  [[nodiscard]] int exit_code() const { return failed_ ? exit_error : flagged_ ? exit_found : exit_ok; }
  /// Standard output is gone (a closed pipe): there is no one to go on for.
  [[nodiscard]] bool lost() const { return lost_; }

 private:
  void print(const std::string& text) {
    lost_ = std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0 || lost_;
  }

  const Flags& flags_;
  bool started_ = false;
  bool flagged_ = false;
  bool failed_ = false;
  bool lost_ = false;
};

/// The next pictures, in order: at most batch_size of them.
Items next_items(engine::ImageFeed& feed, std::size_t batch_size) {
  Items items;
  while (items.size() < batch_size) {
    auto item = feed.next();
    if (!item) break;
    items.push_back(*std::move(item));
  }
  return items;
}

void judge(const engine::Engine& engine, const Items& items, Printer& printer) {
  std::vector<models::ProcessedImage> images;
  for (const auto& item : items) {
    if (item.image) images.push_back(*item.image);
  }
  Result<std::vector<taxonomy::Verdict>> verdicts;
  if (!images.empty()) {
    printer.start(engine);
    verdicts = engine.verdicts(images);
  }
  std::size_t next = 0;
  for (const auto& item : items) {
    if (!item.image) {
      printer.error(item.path, item.image.error());
    } else if (!verdicts) {
      Error error = verdicts.error();
      error.where = error.where.empty() ? item.path : item.path + ": " + error.where;
      printer.error(item.path, error);
    } else {
      printer.verdict(item.path, (*verdicts)[next++]);
    }
  }
}

int run_guard(const Flags& flags, Context& context) {
  if (flags.paths.empty()) return report({ErrorKind::usage, "bad command line", "", "PATH is required"});
  const auto engine = open_engine(flags.model);
  if (!engine) return report(engine.error());
  if (engine->guard() == nullptr)
    return report({ErrorKind::missing, "no guard", flags.model.model,
                   "expected img_safety_head in the checkpoint or --guard FILE, found neither"});
  StopFlag& stop = context.stop();
  ImagePaths paths(flags.paths, flags.recursive, STDIN_FILENO, &stop);
  const auto source = [&paths]() -> std::optional<engine::ImageFeed::Path> {
    auto item = paths.next();
    if (!item) return std::nullopt;
    return engine::ImageFeed::Path{std::move(item->path), std::move(item->error)};
  };
  Printer printer(flags);
  TerminalProgress progress("guard", "images");
  {
    engine::ImageFeed feed(*engine, source,
                           {flags.decode, flags.decode_threads, 2 * flags.batch_size + 6, &stop});
    std::uint64_t done = 0;
    for (Items items = next_items(feed, flags.batch_size); !items.empty() && !printer.lost();
         items = next_items(feed, flags.batch_size)) {
      judge(*engine, items, printer);
      progress.update(done += items.size(), 0, "");
    }
    if (printer.lost()) stop.request();
  }
  if (printer.lost()) return report({ErrorKind::io, "cannot write", "standard output", ""});
  return stop.requested() ? exit_interrupted : printer.exit_code();
}

}  // namespace

CLI::App* add_guard(CLI::App& app) {
  auto flags = std::make_shared<Flags>();
  CLI::App* command =
      declare(app, "guard", "Classify images into the 20 harm classes with a visual guard module",
              {"holisafe guard --model SafeLLaVA-7B photo.jpg",
               "holisafe guard --model SafeLLaVA-7B --json -r pictures/",
               "find . -name '*.png' | holisafe guard --model llava-1.5-7b-hf --guard guard.safetensors -"});
  command->add_option("PATH", flags->paths,
                      "Image files, folders (with -r), or - for a list on standard input");
  add_model_flags(command, flags->model);
  command->add_flag("-r,--recursive", flags->recursive, "Take the pictures in folders and beneath");
  command->add_option("--threshold", flags->threshold, "Flagged from this probability of not being safe on")
      ->check(CLI::Range(0.0, 1.0));
  command->add_flag("--json", flags->json, "One JSON object an image");
  command->add_option("--batch-size", flags->batch_size, "Images in one pass")->check(CLI::Range(1, 1024));
  command->add_option("--decode-threads", flags->decode_threads, "Threads that decode images ahead")
      ->check(CLI::Range(1, 256));
  add_image_flags(command, flags->decode);
  on_run(command, [flags](Context& context) { return run_guard(*flags, context); });
  return command;
}

}  // namespace holisafe::cli
