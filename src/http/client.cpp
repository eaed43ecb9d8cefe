#include "http/client.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <utility>

#include <curl/curl.h>
#include <fmt/format.h>

namespace holisafe::http {
namespace {

void initialise_once() {
  static const CURLcode code = ::curl_global_init(CURL_GLOBAL_DEFAULT);
  static_cast<void>(code);
}

/// Loopback never goes through a proxy.
const std::string& no_proxy() {
  static const std::string list = [] {
    std::string out = "localhost,127.0.0.1,::1";
    for (const char* name : {"NO_PROXY", "no_proxy"}) {
      const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing here sets variables
      if (value != nullptr && *value != '\0') out += std::string(",") + value;
    }
    return out;
  }();
  return list;
}

/// What a server said in an error body: its start on one line.
std::string excerpt(const std::string& body) {
  constexpr std::size_t shown = 300;
  std::string out = body.substr(0, shown);
  while (!out.empty() && body.size() > shown &&
         (static_cast<unsigned char>(body[out.size()]) & 0xc0U) == 0x80)
    out.pop_back();
  return one_line(out) + (out.size() < body.size() ? "…" : "");
}

}  // namespace

std::string Response::header(std::string_view name) const {
  std::string out;
  for (const auto& [key, value] : headers) {
    if (key == name) out = value;
  }
  return out;
}

/// One request from submit() to its end, through all its tries.
struct Transfer {
  Request request;
  Client::Done done;
  unsigned tries = 0;
  // of the present try
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  std::size_t body_sent = 0;
  Response response;
  std::uint64_t max_body = 0;
  bool over_limit = false;

  Transfer(Request request_in, Client::Done done_in)
      : request(std::move(request_in)), done(std::move(done_in)) {}
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer() { end_try(); }

  void end_try() {
    if (easy != nullptr) ::curl_easy_cleanup(easy);
    if (headers != nullptr) {
      for (curl_slist* each = headers; each != nullptr; each = each->next)
        explicit_bzero(each->data, std::strlen(each->data));
      ::curl_slist_free_all(headers);
    }
    easy = nullptr;
    headers = nullptr;
  }

  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    const std::size_t bytes = size * count;
    if (transfer.response.body.size() + bytes > transfer.max_body) {
      transfer.over_limit = true;
      return 0;
    }
    transfer.response.body.append(data, bytes);
    return bytes;
  }

  /// Called with each header line, its end included; the lines of an earlier response ("100 Continue") go.
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self) {
    auto& headers = static_cast<Transfer*>(self)->response.headers;
    std::string_view line(data, size * count);
    if (line.starts_with("HTTP/")) headers.clear();
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) return size * count;
    std::string name(line.substr(0, colon));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    line.remove_prefix(colon + 1);
    const auto first = line.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) return size * count;
    headers.emplace_back(std::move(name), line.substr(first, line.find_last_not_of(" \t\r\n") + 1 - first));
    return size * count;
  }

  /// The body goes out through a callback that cannot be rewound: libcurl must not repeat a request by
  /// itself, as it does on a kept connection that died, for every try is counted here.
  static std::size_t on_send(char* data, std::size_t size, std::size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    const std::size_t bytes = std::min(size * count, transfer.request.body.size() - transfer.body_sent);
    std::copy_n(transfer.request.body.data() + transfer.body_sent, bytes, data);
    transfer.body_sent += bytes;
    return bytes;
  }
};

class Client::Transfers {
 public:
  Transfers(ClientOptions options, Secret key)
      : options_(std::move(options)),
        key_(std::move(key)),
        limit_(options_.concurrency),
        rate_(options_.requests_per_minute),
        backoff_(options_.backoff, options_.longest_backoff, options_.seed) {
    initialise_once();
    multi_ = ::curl_multi_init();
  }
  Transfers(const Transfers&) = delete;
  Transfers& operator=(const Transfers&) = delete;
  ~Transfers() {
    drop_all();
    ::curl_multi_cleanup(multi_);
  }

  void submit(Request request, Done done) {
    fresh_.push_back(std::make_unique<Transfer>(std::move(request), std::move(done)));
  }
  [[nodiscard]] std::size_t pending() const { return fresh_.size() + waiting_.size() + active_.size(); }
  [[nodiscard]] std::size_t limit() const { return limit_.limit(); }
  [[nodiscard]] const Faults& faults() const { return faults_; }
  [[nodiscard]] const Secret& key() const { return key_; }

  void poll(milliseconds longest) {
    send_due();
    int running = 0;
    ::curl_multi_perform(multi_, &running);
    if (!take_ended()) {
      const auto wait = std::min(longest, until_due());
      ::curl_multi_poll(multi_, nullptr, 0, static_cast<int>(wait.count()), nullptr);
      ::curl_multi_perform(multi_, &running);
      take_ended();
    }
    auto ended = std::exchange(ended_, {});
    for (auto& [transfer, outcome] : ended) transfer->done(std::move(outcome));
  }

  void finish_only() {
    no_more_tries_ = true;
    fresh_.clear();
    waiting_.clear();
  }

  void drop_all() {
    finish_only();
    for (auto& [easy, transfer] : active_) ::curl_multi_remove_handle(multi_, easy);
    active_.clear();
  }

 private:
  using Owned = std::unique_ptr<Transfer>;

  /// Requests to be tried again go first, when their time has come.
  void send_due() {
    const auto now = Clock::now();
    while (active_.size() < limit_.limit() && rate_.next(now) <= now) {
      Owned next;
      if (!waiting_.empty() && waiting_.begin()->first <= now) {
        next = std::move(waiting_.begin()->second);
        waiting_.erase(waiting_.begin());
      } else if (!fresh_.empty() && pause_until_ <= now) {
        next = std::move(fresh_.front());
        fresh_.pop_front();
      } else {
        return;
      }
      rate_.sent(now);
      send(std::move(next));
    }
  }

  [[nodiscard]] milliseconds until_due() const {
    constexpr milliseconds far{1000};
    const auto now = Clock::now();
    auto due = now + far;
    if (active_.size() < limit_.limit()) {
      if (!waiting_.empty()) due = std::min(due, waiting_.begin()->first);
      if (!fresh_.empty()) due = std::min(due, pause_until_);
      due = std::max(due, rate_.next(now));
    }
    return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(due - now));
  }

  void send(Owned transfer) {
    Transfer& it = *transfer;
    ++it.tries;
    it.response = {};
    it.body_sent = 0;
    it.over_limit = false;
    it.max_body = options_.max_body;
    it.easy = ::curl_easy_init();
    for (const auto& header : it.request.headers)
      it.headers = ::curl_slist_append(it.headers, header.c_str());
    if (!key_.empty()) {
      std::string header = options_.key_header + key_.reveal();
      it.headers = ::curl_slist_append(it.headers, header.c_str());
      explicit_bzero(header.data(), header.size());
    }
    it.headers = ::curl_slist_append(it.headers, "Expect:");  // no waiting for "100 Continue"
    prepare(it);
    ::curl_multi_add_handle(multi_, it.easy);
    active_.emplace(it.easy, std::move(transfer));
  }

  void prepare(Transfer& it) {
    CURL* easy = it.easy;
    ::curl_easy_setopt(easy, CURLOPT_URL, it.request.url.c_str());
    ::curl_easy_setopt(easy, CURLOPT_HTTPHEADER, it.headers);
    ::curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    ::curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    ::curl_easy_setopt(easy, CURLOPT_NOPROXY, no_proxy().c_str());
    ::curl_easy_setopt(easy, CURLOPT_USERAGENT, options_.user_agent.c_str());
    ::curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.time_limit.count()));
    ::curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
    ::curl_easy_setopt(easy, CURLOPT_WRITEDATA, &it);
    ::curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
    ::curl_easy_setopt(easy, CURLOPT_HEADERDATA, &it);
    if (it.request.method == "POST") {
      ::curl_easy_setopt(easy, CURLOPT_POST, 1L);
      ::curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(it.request.body.size()));
      ::curl_easy_setopt(easy, CURLOPT_READFUNCTION, &Transfer::on_send);
      ::curl_easy_setopt(easy, CURLOPT_READDATA, &it);
    } else {
      ::curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, it.request.method.c_str());
    }
  }

  /// Collects transfers that ended; true if there was one.
  bool take_ended() {
    bool any = false;
    int left = 0;
    while (const CURLMsg* message = ::curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      any = true;
      const auto place = active_.find(message->easy_handle);
      const CURLcode code = message->data.result;
      Owned transfer = std::move(place->second);
      active_.erase(place);
      ::curl_multi_remove_handle(multi_, transfer->easy);
      judge(std::move(transfer), code);
    }
    return any;
  }

  /// Decides what becomes of a try: done, given up, or tried again.
  void judge(Owned transfer, CURLcode code) {
    Transfer& it = *transfer;
    ::curl_easy_getinfo(it.easy, CURLINFO_RESPONSE_CODE, &it.response.status);
    curl_off_t retry_after = 0;
    ::curl_easy_getinfo(it.easy, CURLINFO_RETRY_AFTER, &retry_after);
    it.end_try();
    const long status = it.response.status;
    std::optional<Error> error = fault(it, code);
    const bool answered = code == CURLE_OK && status != 0;
    const bool halved = answered && limit_.note(status == 429);
    const bool permanent = !error || it.over_limit ||
                           (answered && status >= 300 && status < 500 && status != 408 && status != 429);
    // Any number may stand in the header; more than a day is as good as never.
    retry_after = std::clamp<curl_off_t>(retry_after, 0, 100'000);
    const milliseconds asked{static_cast<std::int64_t>(retry_after) * 1000};
    if (permanent || no_more_tries_ || it.tries > options_.max_retries ||
        asked > options_.longest_retry_after) {
      if (error && asked > options_.longest_retry_after)
        error->detail += fmt::format("; it asks to wait {} s", retry_after);
      end(std::move(transfer), std::move(error));
      return;
    }
    const bool told = answered && retry_after > 0;
    const auto due = Clock::now() + (told ? backoff_.wait(it.tries, asked) : backoff_.wait(it.tries));
    if (halved) pause_until_ = std::max(pause_until_, due);
    waiting_.emplace(due, std::move(transfer));
  }

  void end(Owned transfer, std::optional<Error> error) {
    if (error && transfer->tries > 1) error->detail += fmt::format(" ({} tries)", transfer->tries);
    Outcome outcome{std::move(error), std::move(transfer->response), transfer->tries};
    if (outcome.error) {
      outcome.error->detail = key_.redact(std::move(outcome.error->detail));
      outcome.response.body = key_.redact(std::move(outcome.response.body));
    }
    ended_.emplace_back(std::move(transfer), std::move(outcome));
  }

  /// What was wrong with a try; counted. Nothing for a good response.
  std::optional<Error> fault(Transfer& it, CURLcode code) {
    const std::string& url = it.request.url;
    if (it.over_limit) {
      return Error{ErrorKind::too_large, "response too large", url,
                   fmt::format("expected at most {} bytes", options_.max_body)};
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
      ++faults_.timeouts;
      return Error{ErrorKind::timeout, "no answer in time", url,
                   fmt::format("expected one within {:.1f} s",
                               static_cast<double>(options_.time_limit.count()) / 1000)};
    }
    if (code != CURLE_OK) {
      ++faults_.network;
      const bool cut = code == CURLE_PARTIAL_FILE;
      return Error{cut ? ErrorKind::truncated : ErrorKind::network, "request failed", url,
                   ::curl_easy_strerror(code)};
    }
    return status_fault(it);
  }

  std::optional<Error> status_fault(Transfer& it) {
    const long status = it.response.status;
    if (status >= 200 && status < 300) {
      if (!it.request.check) return std::nullopt;
      const auto checked = it.request.check(it.response);
      if (checked) return std::nullopt;
      ++faults_.malformed;
      return checked.error();
    }
    ErrorKind kind = ErrorKind::refused;
    if (status == 401 || status == 403) kind = ErrorKind::unauthorized;
    if (status == 429) ++faults_.turned_away;
    if (status >= 500) ++faults_.server;
    if (status == 429 || status >= 500 || status == 408) kind = ErrorKind::network;
    // The key goes before the text is cut, or a part of it could stay.
    const std::string said = excerpt(key_.redact(it.response.body));
    return Error{kind, "the endpoint refused the request", it.request.url,
                 fmt::format("HTTP {}{}{}", status, said.empty() ? "" : ": ", said)};
  }

  ClientOptions options_;
  Secret key_;
  CURLM* multi_ = nullptr;
  AdaptiveLimit limit_;
  RateWindow rate_;
  Backoff backoff_;
  Faults faults_;
  bool no_more_tries_ = false;
  Clock::time_point pause_until_{};
  std::deque<Owned> fresh_;
  std::multimap<Clock::time_point, Owned> waiting_;
  std::map<CURL*, Owned> active_;
  std::vector<std::pair<Owned, Outcome>> ended_;
};

Client::Client(ClientOptions options, Secret key)
    : transfers_(std::make_unique<Transfers>(std::move(options), std::move(key))) {}
Client::~Client() = default;

void Client::submit(Request request, Done done) { transfers_->submit(std::move(request), std::move(done)); }
bool Client::has_room() const { return transfers_->pending() < transfers_->limit(); }
std::size_t Client::pending() const { return transfers_->pending(); }
void Client::poll(milliseconds longest) { transfers_->poll(longest); }
void Client::finish_only() { transfers_->finish_only(); }
void Client::drop_all() { transfers_->drop_all(); }
const Faults& Client::faults() const { return transfers_->faults(); }
std::size_t Client::limit() const { return transfers_->limit(); }
const Secret& Client::key() const { return transfers_->key(); }

}  // namespace holisafe::http
