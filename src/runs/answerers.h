// Who answers, for whatever asks (a run, its judge): a local checkpoint, or a model behind a provider's API.
//
// A kind of answerer is a file and a line in the table in answerers.cpp.
//
//   HOLISAFE_TRY(const AnswererKind* kind, chosen_answerer(settings));
//   HOLISAFE_TRY(Asker asker, kind->open(std::move(settings), stop));
//   HOLISAFE_TRY(const ask::AskEnd end, asker.ask(ledger, progress, stop));
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "ask/ask.h"
#include "ask/endpoint.h"
#include "chat/local_model.h"
#include "store/run_store.h"

namespace holisafe::runs {

/// All that a command line says about who answers.
struct AnswererSettings {
  chat::ModelSettings local;  ///< its folder empty: none
  /// Opens `local`; given by whoever can run one.
  chat::OpenModel open_model;

  const ask::Provider* provider = nullptr;  ///< none: no API is asked
  std::string url;                          ///< of the API; empty: the provider's own
  std::string api_model;                    ///< the provider's name of the model
  std::string request_json;                 ///< file with members for every request; may be empty
  std::string key_header;                   ///< name of the header with the key; empty: the provider's
  ask::Parameters parameters;               ///< known to be needed
  std::function<void(const ask::ParameterChange&)> on_change;  ///< may be empty
  http::ClientOptions client;
  http::Secret key;
  bool batch = false;  ///< through the batch API
  ask::BatchOptions batches;
};

/// Whoever was opened. Movable; one thread at a time.
class Asker {
 public:
  explicit Asker(std::unique_ptr<chat::Answerer> answerer) : answerer_(std::move(answerer)) {}
  Asker(ask::Endpoint endpoint, const ask::BatchOptions& batches)
      : endpoint_(std::move(endpoint)), batches_(batches) {}

  /// Whether questions about one image should follow each other.
  [[nodiscard]] bool shares_images() const { return answerer_ && answerer_->shares_images(); }
  /// Errors: those of ask::ask_all() and ask::ask_in_batches().
  Result<ask::AskEnd> ask(ask::Ledger& ledger, const ask::OnProgress& progress, const StopFlag& stop);

 private:
  std::unique_ptr<chat::Answerer> answerer_;
  std::optional<ask::Endpoint> endpoint_;  ///< for batches
  ask::BatchOptions batches_;
};

/// A line of the table.
struct AnswererKind {
  std::string_view name;  ///< in a run's identity
  std::string_view flag;  ///< that chooses it
  bool (*chosen)(const AnswererSettings& settings);
  /// What makes one such answerer another than the next, as a run or a judge remembers it: neither keys nor
  /// addresses nor what only changes speed. Errors: usage; those of reading what it is made of.
  Result<store::Identity> (*identity)(const AnswererSettings& settings);
  /// Asks nothing yet. Errors: those of reading a model, of ask::Endpoint::open() and of
  /// ask::read_request_json().
  Result<Asker> (*open)(AnswererSettings settings, const StopFlag& stop);
  /// Whether each answer is sampled from a seed of its own (answer_seed()), since a local model would draw
  /// the same numbers for every question; an API is told the run's seed plus the answer's number.
  bool draws_apart = false;
};
std::span<const AnswererKind> answerer_kinds();

/// The kind that the settings choose. Errors: usage (none, or more than one).
Result<const AnswererKind*> chosen_answerer(const AnswererSettings& settings);

extern const AnswererKind endpoint_answerer;  ///< a model behind an API
extern const AnswererKind model_answerer;     ///< a local checkpoint

/// The settings' endpoint. Errors: those of ask::Endpoint::open() and ask::read_request_json().
Result<ask::Endpoint> open_endpoint(AnswererSettings settings);

/// The seed of one answer's sampling: of the run's seed, the row's id and the answer's number alone.
std::uint64_t answer_seed(std::uint64_t seed, std::string_view id, std::int64_t number);

/// A checkpoint's folder by its own name, however it is written.
std::string folder_name(const std::string& folder);

/// What is wrong between this program and a server, for a progress's note: "3 faults (2 429, 1 5xx)".
std::string faults_note(const Faults& faults);

}  // namespace holisafe::runs
