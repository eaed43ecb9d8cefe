// Asking in batches (ask.h). What must survive a kill is in the ledger: the ids of open batches with their
// keys, and replies. A batch is forgotten only after its replies are kept, so at worst they are kept twice.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "ask/ask.h"
#include "ask/batch_service.h"

namespace holisafe::ask {
namespace {

constexpr std::string_view id_prefix = "row-";

std::string row_id(chat::Key key) { return fmt::format("{}{}", id_prefix, key); }

/// -1 where the id is none of ours.
chat::Key key_of(std::string_view id) {
  if (!id.starts_with(id_prefix)) return -1;
  id.remove_prefix(id_prefix.size());
  chat::Key out = -1;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), out);
  return error == std::errc() && end == id.data() + id.size() ? out : -1;
}

/// False as soon as `stop` is requested.
bool wait(chat::milliseconds time, const StopFlag& stop) {
  constexpr chat::milliseconds turn{50};
  const auto until = http::Clock::now() + time;
  while (http::Clock::now() < until) {
    if (stop.requested()) return false;
    std::this_thread::sleep_for(std::min<http::Clock::duration>(turn, until - http::Clock::now()));
  }
  return !stop.requested();
}

/// Rounds of handing in, waiting and fetching, until nothing is left that may be tried again.
class Batches {
 public:
  Batches(Endpoint& endpoint, Ledger& ledger, const BatchOptions& options, const OnProgress& progress,
          const StopFlag& stop)
      : service_(endpoint.provider().batches(endpoint)),
        endpoint_(endpoint),
        ledger_(ledger),
        options_(options),
        progress_(progress),
        stop_(stop) {}

  Result<AskEnd> run() {
    HOLISAFE_TRY(open_, ledger_.open_batches());
    for (unsigned round = 0; round <= options_.max_retries && !end_.stopped; ++round) {
      HOLISAFE_CHECK(hand_in());
      if (open_.empty()) break;
      HOLISAFE_CHECK(wait_for_all());
      if (stop_.requested()) break;
    }
    end_.interrupted = stop_.requested() && !end_.stopped;
    end_.faults = endpoint_.client().faults();
    return end_;
  }

 private:
  [[nodiscard]] bool goes_on() const { return !stop_.requested() && !end_.stopped; }

  [[nodiscard]] BatchLimits limits() const {
    constexpr std::uint64_t most_bytes = 100'000'000;  // a batch is held in memory
    BatchLimits out = service_->limits();
    out.bytes = std::min(out.bytes, options_.bytes == 0 ? most_bytes : options_.bytes);
    if (options_.rows != 0) out.rows = std::min(out.rows, options_.rows);
    return out;
  }

  /// Hands in every pending question that is in no open batch and may still be tried.
  Result<void> hand_in() {
    std::unordered_set<chat::Key> under_way;
    for (const OpenBatch& batch : open_) under_way.insert(batch.keys.begin(), batch.keys.end());
    BatchText text(limits(), service_->separator());
    chat::Key last = -1;
    while (goes_on()) {
      constexpr std::size_t page_keys = 64;
      HOLISAFE_TRY(auto page, ledger_.pending_after(last, page_keys));
      if (page.empty()) break;
      last = page.back().first;
      for (auto& [key, question] : page) {
        if (!goes_on()) break;
        if (under_way.contains(key) || final_.contains(key)) continue;
        HOLISAFE_CHECK(add(key, std::move(question), text));
      }
    }
    if (goes_on()) HOLISAFE_CHECK(submit(text));
    return keep();
  }

  Result<void> add(chat::Key key, Result<chat::Question> question, BatchText& text) {
    const auto body = question ? endpoint_.body(*std::move(question)) : fail(std::move(question).error());
    if (!body) {
      end_for_good(key, fail(body.error()));
      return {};
    }
    const std::string line = service_->line(row_id(key), *body);
    if (!text.fits(line.size())) HOLISAFE_CHECK(submit(text));
    text.add(key, line);
    return {};
  }

  /// Hands in what was collected. A batch that is not taken leaves its rows to the next round.
  Result<void> submit(BatchText& text) {
    if (text.empty()) return {};
    auto id = service_->submit(text.text(), stop_);
    const std::vector<chat::Key> keys = text.keys();
    text.clear();
    if (id) {
      sent_[*id] = endpoint_.parameters();
      OpenBatch batch{std::move(*id), keys};
      HOLISAFE_CHECK(ledger_.add_batch(batch));
      open_.push_back(std::move(batch));
      return {};
    }
    const ErrorKind kind = id.error().kind;
    if (kind == ErrorKind::interrupted) return {};
    if (kind == ErrorKind::unauthorized || (end_.settled == 0 && endpoint_.is_hopeless())) {
      end_.stopped = std::move(id).error();
      return {};
    }
    for (const chat::Key key : keys) {
      if (kind == ErrorKind::refused || kind == ErrorKind::unexpected) {
        end_for_good(key, fail(id.error()));
      } else {
        end_for_now(key, fail(id.error()));
      }
    }
    return keep();
  }

  /// Looks at the open batches in turn, ever less often, and fetches those that have ended.
  Result<void> wait_for_all() {
    auto pause = options_.first_look;
    while (!open_.empty()) {
      for (std::size_t i = 0; i < open_.size();) {
        if (!goes_on()) return {};
        HOLISAFE_TRY(const bool fetched, look(open_[i]));
        if (fetched) open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(i));
        if (!fetched) ++i;
      }
      if (open_.empty() || !goes_on() || !wait(pause, stop_)) return {};
      pause = std::min(options_.longest_wait, pause * 3 / 2);
    }
    return {};
  }

  /// True where the batch has ended and its rows are kept.
  Result<bool> look(const OpenBatch& batch) {
    auto state = service_->look(batch.id, stop_);
    if (!state && state.error().kind == ErrorKind::refused) {
      // The provider does not know it (any more): its rows are asked for anew.
      state = BatchState{true, {}, {}, true, state.error().message()};
    }
    if (!state) return give_up(std::move(state).error());
    if (!state->ended) return false;
    std::unordered_map<chat::Key, BatchRow> rows;
    for (const Json& row : state->rows) take(row, rows);
    for (const std::string& url : state->results) {
      http::Request request = endpoint_.get("");
      request.url = url;
      auto response = endpoint_.call(std::move(request), stop_);
      if (!response) return give_up(std::move(response).error());
      take_lines(response->body, rows);
    }
    end_batch(batch, *state, rows);
    HOLISAFE_CHECK(keep());
    HOLISAFE_CHECK(ledger_.forget_batch(batch.id));
    return true;
  }

  /// The batch stays open for the next asking.
  bool give_up(Error error) {
    if (error.kind != ErrorKind::interrupted) end_.stopped = std::move(error);
    return false;
  }

  void take_lines(std::string_view text, std::unordered_map<chat::Key, BatchRow>& rows) const {
    while (!text.empty()) {
      const auto end = std::min(text.find('\n'), text.size());
      const auto row = parse_json(endpoint_.provider().name, text.substr(0, end));
      if (row) take(*row, rows);  // a line cut short: its row is missing, and asked again
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }

  /// Of rows that came twice the first that holds a reply counts.
  void take(const Json& json, std::unordered_map<chat::Key, BatchRow>& rows) const {
    auto row = service_->read_row(json);
    if (!row) return;
    const auto [place, added] = rows.try_emplace(key_of(row->id), *row);
    if (!added && !place->second.reply && row->reply) place->second = std::move(*row);
  }

  void end_batch(const OpenBatch& batch, const BatchState& state,
                 const std::unordered_map<chat::Key, BatchRow>& rows) {
    const Parameters sent = sent_[batch.id];
    for (const chat::Key key : batch.keys) {
      const auto place = rows.find(key);
      const bool missing = place == rows.end();
      auto reply = endpoint_.redacted(
          missing ? fail(ErrorKind::missing, "no answer came back", row_id(key), state.missing_reason)
                  : place->second.reply);
      const bool again =
          missing ? state.missing_again : place->second.again || endpoint_.adapt(sent, place->second.refused);
      if (!reply && again) {
        end_for_now(key, std::move(reply));
      } else {
        end_for_good(key, std::move(reply));
      }
    }
  }

  /// Without a reply so far; asked again in the next round.
  void end_for_now(chat::Key key, Result<chat::Reply> reply) { ended_.emplace_back(key, std::move(reply)); }

  /// The row's last word in this asking.
  void end_for_good(chat::Key key, Result<chat::Reply> reply) {
    final_.insert(key);
    ended_.emplace_back(key, std::move(reply));
  }

  Result<void> keep() {
    if (ended_.empty()) return {};
    HOLISAFE_TRY(const std::size_t settled, ledger_.record(ended_));
    for (const auto& [key, reply] : ended_) seen_.insert(key);
    ended_.clear();
    end_.settled += settled;
    end_.unsettled = seen_.size() - end_.settled;
    end_.faults = endpoint_.client().faults();
    progress_(end_);
    return {};
  }

  std::unique_ptr<BatchService> service_;
  Endpoint& endpoint_;
  Ledger& ledger_;
  const BatchOptions& options_;
  const OnProgress& progress_;
  const StopFlag& stop_;
  std::vector<OpenBatch> open_;
  std::vector<Ended> ended_;
  std::unordered_map<std::string, Parameters> sent_;  ///< by batch; of those of an earlier asking: the usual
  std::unordered_set<chat::Key> final_;               ///< not to be handed in again
  std::unordered_set<chat::Key> seen_;                ///< ended at least once
  AskEnd end_;
};

}  // namespace

Result<AskEnd> ask_in_batches(Endpoint& endpoint, Ledger& ledger, const BatchOptions& options,
                              const OnProgress& progress, const StopFlag& stop) {
  return Batches(endpoint, ledger, options, progress, stop).run();
}

}  // namespace holisafe::ask
