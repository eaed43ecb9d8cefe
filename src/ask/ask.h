// Asking until nothing is left: one loop over a ledger, which says what is pending and keeps what came.
// Whoever has questions (a run, its judge) brings a ledger and nothing else.
//
//   EndpointAnswerer answerer(std::move(endpoint));
//   HOLISAFE_TRY(const AskEnd end, ask_all(answerer, ledger, progress, stop));
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/faults.h"
#include "base/progress.h"
#include "base/result.h"
#include "chat/chat.h"

namespace holisafe::ask {

class Endpoint;

/// A question that is to be asked, or why it cannot be put.
using Pending = std::pair<chat::Key, Result<chat::Question>>;
/// What became of one: a reply, or why nobody answered it after all tries.
using Ended = std::pair<chat::Key, Result<chat::Reply>>;

/// A batch that was handed in and has not been fetched.
struct OpenBatch {
  std::string id;  ///< the provider's
  std::vector<chat::Key> keys;
};

/// Where questions come from and replies are kept. What a writing function was given is on disk when it
/// returns.
class Ledger {
 public:
  Ledger() = default;
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;
  virtual ~Ledger() = default;

  /// The next questions that are not settled, in an order of the ledger's own, from the one after `key` (-1:
  /// from the start); about `most`, none after the last. `key` is the last one of the page before.
  virtual Result<std::vector<Pending>> pending_after(chat::Key key, std::size_t most) = 0;
  /// Keeps replies and failures; gives how many of the questions are settled by them, which will not be
  /// pending again.
  virtual Result<std::size_t> record(std::span<const Ended> ended) = 0;

  virtual Result<std::vector<OpenBatch>> open_batches() = 0;
  virtual Result<void> add_batch(const OpenBatch& batch) = 0;
  virtual Result<void> forget_batch(const std::string& id) = 0;
};

/// How asking went, over the questions that were pending at its start.
struct AskEnd {
  std::uint64_t settled = 0;
  std::uint64_t unsettled = 0;   ///< asked in vain, and pending still
  bool interrupted = false;      ///< stopped by the flag before everything was asked
  std::optional<Error> stopped;  ///< why nobody would answer any more
  Faults faults;
};

/// Called after replies were kept, with how far asking is.
using OnProgress = std::function<void(const AskEnd& so_far)>;

/// Asks what is pending, each question once. A reply is on disk before another question is asked in its
/// place, so that after a kill at most those under way are asked again. When `stop` is requested, what is
/// under way is finished (dropped, if it is urgent). Errors: those of the ledger.
Result<AskEnd> ask_all(chat::Answerer& answerer, Ledger& ledger, const OnProgress& progress,
                       const StopFlag& stop);

struct BatchOptions {
  std::size_t rows = 0;      ///< of one batch at most; 0: as the provider allows
  std::uint64_t bytes = 0;   ///< of one batch's text at most; 0: as the provider allows, up to 100 MB
  unsigned max_retries = 5;  ///< so often are rows that failed handed in again
  chat::milliseconds first_look{1'000};
  chat::milliseconds longest_wait{60'000};  ///< between two looks
};

/// The same through the provider's batch API. Batches that the ledger knows as open are taken up first: none
/// is handed in twice. Rows come back in any order and are told apart by their id; those that failed in a way
/// that may pass are handed in again. A batch that cannot be looked at or fetched stays open in the ledger,
/// and stops the asking. Errors: those of the ledger.
Result<AskEnd> ask_in_batches(Endpoint& endpoint, Ledger& ledger, const BatchOptions& options,
                              const OnProgress& progress, const StopFlag& stop);

}  // namespace holisafe::ask
