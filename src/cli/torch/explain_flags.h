// The flags of commands that explain verdicts, and what they do with a flagged picture.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/progress.h"
#include "base/result.h"
#include "chat/chat.h"
#include "engine/explain.h"
#include "explain/files.h"
#include "image/image.h"
#include "taxonomy/verdict.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace holisafe::cli {

struct ExplainFlags {
  std::string folder;  ///< empty: nothing is explained
  std::string method = "gradient";
  std::string label;  ///< a class's name; empty: the most probable harm

  [[nodiscard]] bool wanted() const { return !folder.empty(); }
};

/// --explain, --explain-method, --explain-class; `flags` must outlive parsing. Gives --explain.
CLI::Option* add_explain_flags(CLI::App* command, ExplainFlags& flags);

/// Explains pictures into the folder. One thread.
class PictureExplainer {
 public:
  /// Makes the folder. `engine` (of prepare_to_explain()) and `stop` must outlive it. Errors: those of
  /// make_folders(), permission, io.
  static Result<PictureExplainer> make(const engine::Engine& engine, const ExplainFlags& flags,
                                       const image::DecodeOptions& decode, std::size_t batch_size,
                                       const StopFlag& stop);

  /// Errors are the picture's, interrupted, or failure().
  Result<explain::Written> explain_picture(std::size_t position, const chat::Image& picture,
                                           const taxonomy::Verdict& verdict,
                                           const std::optional<std::string>& system = {});

  /// Why files cannot be written any more: there is no one to go on for.
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }

 private:
  PictureExplainer(const engine::Engine& engine, std::string folder, engine::ExplainOptions options,
                   const StopFlag& stop)
      : engine_(&engine), folder_(std::move(folder)), options_(options), stop_(&stop) {}

  const engine::Engine* engine_;
  std::string folder_;
  engine::ExplainOptions options_;
  const StopFlag* stop_;
  std::optional<Error> failure_;
};

}  // namespace holisafe::cli
