// The server behind a guard proxy: requests go up, answers come back whole or piece by piece.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/secret.h"
#include "http/server.h"
#include "serve/fault.h"
#include "serve/guard.h"

namespace holisafe::serve {

struct UpstreamOptions {
  std::string url;  ///< an OpenAI base, …/v1
  http::Secret key;
  std::chrono::milliseconds timeout{600'000};              ///< of silence
  std::uint64_t max_body_bytes = std::uint64_t{64} << 20;  ///< of a whole answer
};

/// Hears of one request, on the upstream's thread, in this order.
class UpstreamListener {
 public:
  UpstreamListener() = default;
  UpstreamListener(const UpstreamListener&) = delete;
  UpstreamListener& operator=(const UpstreamListener&) = delete;
  virtual ~UpstreamListener() = default;
  virtual void head(int status, http::Headers headers) = 0;
  /// False: take no more until resume().
  virtual bool piece(std::string_view bytes) = 0;
  /// The proper end, or a fault: upstream_unreachable, upstream_timeout, upstream_error (cut off).
  virtual void end(std::optional<Fault> fault) = 0;
};

/// A request under way: destroying it gives it up; resume() after a piece that was not wanted.
class UpstreamCall : public Task {
 public:
  virtual void resume() = 0;
};

/// libcurl on a thread of its own. Thread-safe.
class Upstream {
 public:
  static Result<std::unique_ptr<Upstream>> open(UpstreamOptions options);
  virtual ~Upstream() = default;
  /// `path` below the base ("chat/completions", "models"); `body` empty: GET. `authorization` replaces the
  /// upstream's own key (--forward-authorization).
  virtual std::unique_ptr<UpstreamCall> send(const std::string& path, std::string body, bool stream,
                                             const std::string& request_id,
                                             const std::optional<std::string>& authorization,
                                             std::shared_ptr<UpstreamListener> listener) = 0;
};

/// The request for the upstream: the document with each image's part replaced by a data URI of what was
/// judged. `auto`: files that are opaque, upright, one frame, 8-bit go as their bytes, any other as a PNG of
/// the judged pixels; `judged`: always the PNG; `sent`: always the bytes.
enum class UpstreamImages { automatic, judged, sent };

}  // namespace holisafe::serve
