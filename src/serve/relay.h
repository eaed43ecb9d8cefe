// What comes back from the upstream, on its way to a visit. Internal to the proxy.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "serve/answer_json.h"
#include "serve/event_scan.h"
#include "serve/upstream.h"
#include "serve/usage.h"
#include "serve/visit.h"

namespace holisafe::serve {

/// What is put into an answer; nothing for answers that pass as they are.
struct Addition {
  Json moderation;
  std::string warning;  ///< before the text; empty: none
  std::string
      model;  ///< of the request: what a stream's first chunk says where the upstream's event does not
  bool stream = false;      ///< was asked for
  std::size_t choices = 1;  ///< asked for (`n`)
};

/// A whole answer with `addition` in it, otherwise equal as JSON; nothing where it is no JSON object.
/// `tokens`: its usage.
std::optional<std::string> with_addition(const std::string& body, const Addition& addition,
                                         std::optional<Tokens>& tokens);
/// What stands before a stream whose first event has this data: the verdict's chunk with that event's id,
/// time and model, and the warning. Nothing where the data is neither JSON nor the end mark.
std::optional<std::string> stream_opening(const std::string& first, const Addition& addition);

/// Hears of one request and answers the visit. On the upstream's thread but for what is said.
class Relay final : public UpstreamListener, public std::enable_shared_from_this<Relay> {
 public:
  Relay(std::shared_ptr<Visit> visit, std::optional<Addition> addition, std::function<void()> over)
      : visit_(std::move(visit)), addition_(std::move(addition)), over_(std::move(over)) {}

  void head(int status, http::Headers headers) override;
  bool piece(std::string_view bytes) override;
  void end(std::optional<Fault> fault) override;

  /// Any thread: the call, once it is under way; its end, from the one who wanted it.
  void call(std::unique_ptr<UpstreamCall> call);
  void give_up();

 private:
  bool take_whole(std::string_view bytes);
  bool take_event(std::string_view bytes);
  void open_stream();
  [[nodiscard]] bool is_room();
  void resume();
  void end_stream();
  void answer_whole();
  void fail(const Fault& fault);
  void refuse_rest(const Fault& fault);  ///< before the upstream's end, which is then not heard
  [[nodiscard]] http::ServerResponse response(std::string body) const;

  const std::shared_ptr<Visit> visit_;
  const std::optional<Addition> addition_;
  const std::function<void()> over_;
  int status_ = 0;
  std::string content_type_;
  std::string retry_after_;
  bool streams_ = false;
  bool opened_ = false;
  std::string held_;  ///< a whole answer's body, or a stream up to the end of its first event
  EventScan scan_;
  bool failed_ = false;  ///< the visit heard of it; what still comes is passed over

  std::mutex mutex_;  ///< guards what follows
  std::unique_ptr<UpstreamCall> call_;
  bool wants_more_ = false;  ///< before there was a call
  bool given_up_ = false;
};

}  // namespace holisafe::serve
