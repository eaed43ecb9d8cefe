#include "serve/upstream.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <curl/curl.h>

#include "base/text.h"
#include "http/address.h"
#include "http/curl_setup.h"
#include "http/curl_thread.h"
#include "http/header_list.h"

namespace holisafe::serve {
namespace {

/// The status of `HTTP/1.1 200 OK`; 0 where there is none.
int status_of_line(std::string_view line) {
  const auto blank = line.find(' ');
  int status = 0;
  if (blank == std::string_view::npos) return status;
  const std::string digits(line.substr(blank + 1, 3));
  std::from_chars(digits.data(), digits.data() + digits.size(), status);
  return status;
}

using http::CurlJob;
using http::CurlThread;

constexpr std::uint64_t most_header_bytes = 300'000;
constexpr std::chrono::milliseconds longest_connect{10'000};

/// What all requests share.
struct UpstreamSetup {
  UpstreamOptions options;
  std::string base;  ///< without a slash at its end
  std::string ca_file;
};

/// Whether a text can stand in a header.
bool is_header_text(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

struct UpstreamRequest {
  std::string path;
  bool stream = false;
  std::string id;
  std::optional<std::string> authorization;
};

class UpstreamJob final : public CurlJob {
 public:
  UpstreamJob(std::shared_ptr<const UpstreamSetup> setup, UpstreamRequest request, std::string body,
              std::shared_ptr<UpstreamListener> listener)
      : setup_(std::move(setup)),
        request_(std::move(request)),
        listener_(std::move(listener)),
        body_(std::move(body)) {
    if (!body_.empty()) headers_.add("Content-Type: application/json");
    headers_.add(request_.stream ? "Accept: text/event-stream, application/json"
                                 : "Accept: application/json");
    if (is_header_text(request_.id)) headers_.add("X-Request-Id: " + request_.id);
    if (request_.authorization && is_header_text(*request_.authorization)) {
      headers_.add("Authorization: " + *request_.authorization);
    } else if (!request_.authorization && !setup_->options.key.empty()) {
      headers_.add("Authorization: Bearer " + setup_->options.key.reveal());
    }
    headers_.add("Expect:");  // no waiting for "100 Continue"
  }

  void set(CURL* easy) override {
    http::set_target(easy, setup_->base + "/" + request_.path, "http,https", setup_->ca_file);
    http::set_receivers(easy, this, &UpstreamJob::on_piece, &UpstreamJob::on_header);
    ::curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_.list());
    ::curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    ::curl_easy_setopt(easy, CURLOPT_PROXY, "");  // none, whatever the environment says
    ::curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                       static_cast<long>(std::min(setup_->options.timeout, longest_connect).count()));
    // Shorter than servers keep a connection: one that dies as a request goes out would fail it.
    ::curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, 2L);
    if (!body_.empty()) http::set_post(easy, this, body_.size(), &UpstreamJob::on_send);
    heard_ = Clock::now();
  }

  /// A pause is ours, not the upstream's silence.
  [[nodiscard]] Clock::time_point deadline() const override {
    return paused_ ? Clock::time_point::max() : heard_ + setup_->options.timeout;
  }

  void ended(CURL* easy, CURLcode code, bool in_time) override {
    curl_off_t connected = 0;
    ::curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
    listener_->end(fault(code, in_time, connected > 0));
  }

  void resumed() override {
    paused_ = false;
    heard_ = Clock::now();
  }

 private:
  static std::size_t on_piece(char* data, std::size_t size, std::size_t count, void* self) {
    auto& job = *static_cast<UpstreamJob*>(self);
    std::size_t out = 0;
    job.hear([&] { out = job.take(std::string_view(data, size * count)); });
    return out;
  }

  std::size_t take(std::string_view bytes) {
    heard_ = Clock::now();
    if (paused_) return CURL_WRITEFUNC_PAUSE;
    taken_ += bytes.size();
    over_limit_ = !request_.stream && taken_ > setup_->options.max_body_bytes;
    if (over_limit_) return 0;
    paused_ = !listener_->piece(bytes);
    return bytes.size();
  }

  /// Called with each line, its end included; interim answers ("100 Continue") and trailers are passed over.
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self) {
    auto& job = *static_cast<UpstreamJob*>(self);
    const std::string_view line(data, size * count);
    const bool goes_on = job.hear([&] { job.take_header(line); });
    return goes_on && job.header_bytes_ <= most_header_bytes ? line.size() : 0;
  }

  void take_header(std::string_view line) {
    heard_ = Clock::now();
    header_bytes_ += line.size();
    if (told_head_ || header_bytes_ > most_header_bytes) return;
    if (line.starts_with("HTTP/")) {
      answer_headers_.clear();
      status_ = status_of_line(line);
      return;
    }
    const auto colon = line.find(':');
    if (colon != std::string_view::npos) {
      answer_headers_.emplace_back(ascii_lower(line.substr(0, colon)), strip(line.substr(colon + 1)));
    } else if (strip(line).empty() && status_ >= 200) {
      told_head_ = true;
      listener_->head(status_, std::move(answer_headers_));
    }
  }

  static std::size_t on_send(char* data, std::size_t size, std::size_t count, void* self) {
    auto& job = *static_cast<UpstreamJob*>(self);
    const std::size_t bytes = std::min(size * count, job.body_.size() - job.sent_);
    std::copy_n(job.body_.data() + job.sent_, bytes, data);
    job.sent_ += bytes;
    // Pictures are not kept for as long as their answer takes.
    if (job.sent_ == job.body_.size()) {
      job.body_ = std::string();
      job.sent_ = 0;
    }
    job.heard_ = Clock::now();
    return bytes;
  }

  [[nodiscard]] std::optional<Fault> fault(CURLcode code, bool in_time, bool connected) const {
    if (!in_time && connected)
      return Fault{Code::upstream_timeout, "the upstream server said nothing for too long", {}};
    if (code == CURLE_OK && told_head_) return std::nullopt;
    // Without an answer, the time limit is the connection's.
    if (http::is_unreachable(code) || (code == CURLE_OPERATION_TIMEDOUT && !told_head_))
      return Fault{Code::upstream_unreachable, "the upstream server cannot be reached", {}};
    if (over_limit_) return Fault{Code::upstream_error, "the upstream server's answer is too large", {}};
    return Fault{
        Code::upstream_error,
        told_head_ ? "the upstream server's answer was cut off" : "the upstream server gave no answer",
        {}};
  }

  const std::shared_ptr<const UpstreamSetup> setup_;
  const UpstreamRequest request_;
  const std::shared_ptr<UpstreamListener> listener_;
  http::HeaderList headers_;
  // On the thread:
  std::string body_;
  Clock::time_point heard_{};
  std::size_t sent_ = 0;
  int status_ = 0;
  http::Headers answer_headers_;
  std::uint64_t header_bytes_ = 0;
  bool told_head_ = false;
  std::uint64_t taken_ = 0;
  bool over_limit_ = false;
  bool paused_ = false;
};

class Call final : public UpstreamCall {
 public:
  Call(std::shared_ptr<CurlThread> thread, std::shared_ptr<UpstreamJob> job)
      : thread_(std::move(thread)), job_(std::move(job)) {}
  ~Call() override { thread_->stop(job_); }
  void resume() override { thread_->resume(job_); }

 private:
  const std::shared_ptr<CurlThread> thread_;
  const std::shared_ptr<UpstreamJob> job_;
};

/// http or https, with a host; no user, query or fragment. `base`: as libcurl writes it, without a slash at
/// its end.
Result<std::string> base_of(const std::string& url) {
  const auto wrong = [&](const std::string& found) {
    return fail(ErrorKind::usage, "cannot use --upstream", url,
                "expected http://HOST[:PORT]/v1 or https://…, found " + found);
  };
  const auto parts = http::url_parts(url);
  if (!parts) return wrong("no such URL");
  if (parts->scheme != "http" && parts->scheme != "https") return wrong("the scheme " + parts->scheme);
  if (parts->has_user) return wrong("a user name; a key is given by --upstream-api-key-file");
  if (parts->has_query || parts->has_fragment) return wrong("a query or a fragment");
  std::string out = parts->url;
  while (out.ends_with('/')) out.pop_back();
  return out;
}

class CurlUpstream final : public Upstream {
 public:
  explicit CurlUpstream(std::shared_ptr<const UpstreamSetup> setup) : setup_(std::move(setup)) {}
  /// Calls may outlive it: they hear nothing more.
  ~CurlUpstream() override { thread_->close(); }

  std::unique_ptr<UpstreamCall> send(const std::string& path, std::string body, bool stream,
                                     const std::string& request_id,
                                     const std::optional<std::string>& authorization,
                                     std::shared_ptr<UpstreamListener> listener) override {
    UpstreamRequest request{path, stream, request_id, authorization};
    auto job =
        std::make_shared<UpstreamJob>(setup_, std::move(request), std::move(body), std::move(listener));
    thread_->start(job);
    return std::make_unique<Call>(thread_, job);
  }

 private:
  const std::shared_ptr<const UpstreamSetup> setup_;
  const std::shared_ptr<CurlThread> thread_ = std::make_shared<CurlThread>();
};

}  // namespace

Result<std::unique_ptr<Upstream>> Upstream::open(UpstreamOptions options) {
  http::initialise_curl();
  HOLISAFE_TRY(std::string base, base_of(options.url));
  auto setup = std::make_shared<UpstreamSetup>();
  setup->options = std::move(options);
  setup->base = std::move(base);
  setup->ca_file = http::authorities().file;
  std::unique_ptr<Upstream> out = std::make_unique<CurlUpstream>(std::move(setup));
  return out;
}

}  // namespace holisafe::serve
