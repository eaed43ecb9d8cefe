// Who answers the benchmark's questions: an endpoint, a local model.
//
// A responder is a file and a line in the table in responder.cpp. The run loop (answer_run.h) asks it as long
// as it has room and takes what it gives back.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "chat/local_model.h"
#include "http/client.h"
#include "store/run_store.h"

namespace holisafe::runs {

using std::chrono::milliseconds;

/// How every question is put, whoever answers. Decoding is greedy.
struct PromptSettings {
  std::string system;  ///< empty: no system message
  unsigned max_new_tokens = 512;
};

/// Takes questions and gives answers in any order. One thread at a time.
class Responder {
 public:
  Responder() = default;
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;
  virtual ~Responder() = default;

  /// Whether ask() wants all questions of one image together, so that what depends on the image alone is
  /// computed once; otherwise it gets one at a time.
  [[nodiscard]] virtual bool groups_images() const = 0;
  /// Whether another ask() would not have to wait.
  [[nodiscard]] virtual bool has_room() const = 0;
  virtual void ask(std::vector<store::Row> rows) = 0;
  /// Questions taken whose answer poll() has not given yet.
  [[nodiscard]] virtual std::size_t pending() const = 0;
  /// Works or waits for up to `longest` and gives the answers that came, failed ones with their reason.
  virtual store::RunStore::Answers poll(milliseconds longest) = 0;

  /// Drops the questions that are not being answered yet, and tries nothing again.
  virtual void finish_only() = 0;
  /// Drops all questions.
  virtual void drop_all() = 0;

  /// Why nobody will answer any more (a refused key); all questions have been dropped then.
  [[nodiscard]] virtual std::optional<Error> stopped() const = 0;
  [[nodiscard]] virtual Faults faults() const = 0;
};

using chat::ModelSettings;

/// All that a command line says about who answers.
struct ResponderSettings {
  ModelSettings local;
  /// Opens `local`; given by whoever can run one. Errors: those of reading a checkpoint.
  std::function<Result<std::unique_ptr<Responder>>(ResponderSettings)> open_model;
  const StopFlag* stop = nullptr;  ///< a local model gives up the answer under way when this is urgent
  std::string endpoint;            ///< such as "http://127.0.0.1:8000/v1"
  std::string api_model;           ///< name of the model at the endpoint
  http::ClientOptions client;
  http::Secret key;
  PromptSettings prompt;
  std::filesystem::path images;  ///< folder that the samples' images lie in
};

/// A kind of responder: one line of the table.
struct ResponderKind {
  std::string_view name;  ///< in a run's identity
  std::string_view flag;  ///< that chooses it
  bool (*chosen)(const ResponderSettings& settings);
  /// What makes one such responder another than the next, as a run remembers it: the model's name under
  /// "model". Neither keys nor what only changes speed. Errors: usage.
  Result<store::Identity> (*identity)(const ResponderSettings& settings);
  /// Asks nothing yet. Errors: those of reading a model.
  Result<std::unique_ptr<Responder>> (*open)(ResponderSettings settings);
};
std::span<const ResponderKind> responder_kinds();

/// The kind that the settings choose. Errors: usage (none, or more than one).
Result<const ResponderKind*> chosen_responder(const ResponderSettings& settings);

extern const ResponderKind endpoint_responder;  ///< an OpenAI-compatible chat endpoint
extern const ResponderKind model_responder;     ///< a local checkpoint

}  // namespace holisafe::runs
