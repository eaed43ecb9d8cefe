#include "http/client.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <utility>

#include <curl/curl.h>
#include <fmt/format.h>

#include "base/text.h"
#include "http/address.h"
#include "http/curl_setup.h"
#include "http/said.h"
#include "http/transfer.h"

namespace holisafe::http {
namespace {

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

}  // namespace

std::string Response::header(std::string_view name) const {
  std::string out;
  for (const auto& [key, value] : headers) {
    if (key == name) out = value;
  }
  return out;
}

class Client::Transfers {
 public:
  Transfers(ClientOptions options, Secret key)
      : options_(std::move(options)),
        key_(std::move(key)),
        authorities_(authorities(options_.ca_file)),
        limit_(options_.concurrency),
        rate_(options_.requests_per_minute),
        backoff_(options_.backoff, options_.longest_backoff, options_.seed) {
    initialise_curl();
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
    it.header_bytes = 0;
    it.over_limit = false;
    it.max_body = it.request.max_body == 0 ? options_.max_body : it.request.max_body;
    it.max_header_bytes = options_.max_header_bytes;
    it.words.front() = '\0';
    if (const auto moved = moved_.find(it.request.url); moved != moved_.end()) it.request.url = moved->second;
    it.easy = ::curl_easy_init();
    for (const auto& header : it.request.headers) it.headers.add(header);
    if (!key_.empty()) it.headers.add(options_.key_header + key_.reveal());
    it.headers.add("Expect:");  // no waiting for "100 Continue"
    prepare(it);
    ::curl_multi_add_handle(multi_, it.easy);
    active_.emplace(it.easy, std::move(transfer));
  }

  void prepare(Transfer& it) {
    CURL* easy = it.easy;
    set_target(easy, it.request.url, "http,https", authorities_.file);
    ::curl_easy_setopt(easy, CURLOPT_HTTPHEADER, it.headers.list());
    ::curl_easy_setopt(easy, CURLOPT_NOPROXY, no_proxy().c_str());
    ::curl_easy_setopt(easy, CURLOPT_USERAGENT, options_.user_agent.c_str());
    ::curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
    ::curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, it.words.data());
    ::curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.time_limit.count()));
    set_receivers(easy, &it, &Transfer::on_body, &Transfer::on_header);
    if (it.request.method == "POST") {
      set_post(easy, &it, it.request.body.size(), &Transfer::on_send);
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
    const bool answered = code == CURLE_OK && it.response.status != 0;
    heard_ = heard_ || answered;
    if (answered && follows(it)) {
      send(std::move(transfer));
      return;
    }
    std::optional<Error> error = fault(it, code);
    const bool halved = answered && limit_.note(it.response.status == 429);
    const milliseconds asked = asked_wait(it.response.headers, retry_after, it.response.status == 429);
    if (!error || is_last_try(it, code) || asked > options_.longest_retry_after) {
      if (error && asked > options_.longest_retry_after)
        error->detail += fmt::format("; it asks to wait {} s", asked.count() / 1000);
      end(std::move(transfer), std::move(error), is_unreachable(code));
      return;
    }
    const bool told = answered && asked.count() > 0;
    const auto due = Clock::now() + (told ? backoff_.wait(it.tries, asked) : backoff_.wait(it.tries));
    if (halved) pause_until_ = std::max(pause_until_, due);
    waiting_.emplace(due, std::move(transfer));
  }

  /// Whether a try that failed is not made again.
  [[nodiscard]] bool is_last_try(const Transfer& it, CURLcode code) const {
    if (it.over_limit || no_more_tries_ || it.tries > options_.max_retries) return true;
    if (code != CURLE_OK) {
      const unsigned most = is_certificate_fault(code) ? 1 : 2;
      return is_unreachable(code) && !heard_ && it.tries >= most;
    }
    const long status = it.response.status;
    if (status >= 300 && status < 500 && status != 408 && status != 429) return true;
    return status >= 400 && it.request.is_final && it.request.is_final(it.response);
  }

  /// Whether a response sends the request to another path of the same server; its address is that one then.
  bool follows(Transfer& it) {
    constexpr unsigned most_hops = 5;
    const long status = it.response.status;
    if ((status != 307 && status != 308) || no_more_tries_ || it.hops >= most_hops) return false;
    const std::string target = resolved(it.request.url, it.response.header("location"));
    if (target.empty() || !is_same_origin(target, it.request.url)) return false;
    ++it.hops;
    --it.tries;
    if (status == 308) moved_.try_emplace(it.request.url, target);
    it.request.url = target;
    return true;
  }

  void end(Owned transfer, std::optional<Error> error, bool unreachable) {
    Outcome outcome{std::move(error), std::move(transfer->response), transfer->tries, unreachable};
    if (outcome.error) {
      constexpr std::size_t most_detail = 400;
      std::string& detail = outcome.error->detail;
      detail = excerpt(key_.redact(std::move(detail)), most_detail);
      if (transfer->tries > 1) detail += fmt::format(" ({} tries)", transfer->tries);
      outcome.response.body = key_.redact(std::move(outcome.response.body));
    }
    ended_.emplace_back(std::move(transfer), std::move(outcome));
  }

  /// What was wrong with a try; counted. Nothing for a good response.
  std::optional<Error> fault(Transfer& it, CURLcode code) {
    const std::string url = without_query(it.request.url);
    if (it.over_limit) {
      return Error{ErrorKind::too_large, "response too large", url,
                   fmt::format("expected at most {} bytes", it.max_body)};
    }
    // Of a single field that is too long, libcurl says that it lacks memory.
    if (it.header_bytes > it.max_header_bytes || code == CURLE_OUT_OF_MEMORY) {
      ++faults_.malformed;
      return Error{ErrorKind::too_large, "header fields too large", url,
                   fmt::format("expected at most {} bytes of header fields, trailers and interim responses",
                               it.max_header_bytes)};
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
                   words_for(it, code)};
    }
    return status_fault(it);
  }

  [[nodiscard]] std::string words_for(const Transfer& it, CURLcode code) const {
    std::string out = ::curl_easy_strerror(code);
    if (it.words.front() != '\0') out = it.words.data();
    if (!is_certificate_fault(code)) return out;
    if (!authorities_.file.empty())
      return fmt::format("{}; certificates of authorities are read from {}, as {} says", out,
                         authorities_.file, authorities_.by);
    return out +
           "; the certificate of a private authority is named by --ca-file, SSL_CERT_FILE or CURL_CA_BUNDLE";
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
    std::string found = words_of(it.response.body);
    if (const std::string target = resolved(it.request.url, it.response.header("location"));
        status >= 300 && status < 400 && !target.empty())
      found = "moved to " + excerpt(key_.redact(target), most_shown) + ", which is not followed";
    return Error{kind, "the endpoint refused the request", without_query(it.request.url),
                 fmt::format("HTTP {}{}{}", status, found.empty() ? "" : ": ", found)};
  }

  /// What stands in an error's body, decoded. The key goes before the text is cut, or a part of it could
  /// stay, and after each decoding.
  [[nodiscard]] std::string words_of(const std::string& body) const {
    constexpr int most_levels = 4;                   // of strings within strings
    constexpr std::size_t most_bytes = 512U << 10U;  // more than is shown, however it is escaped
    if (is_page(body)) return excerpt(key_.redact(page_name(body)), most_shown);
    std::string out = key_.redact(body.substr(0, most_bytes));
    for (int level = 0; level < most_levels; ++level) {
      std::string decoded = key_.redact(unescaped(out));
      if (decoded == out) break;
      out = std::move(decoded);
    }
    return excerpt(strip(out), most_shown);
  }

  ClientOptions options_;
  Secret key_;
  Authorities authorities_;
  CURLM* multi_ = nullptr;
  AdaptiveLimit limit_;
  RateWindow rate_;
  Backoff backoff_;
  Faults faults_;
  bool no_more_tries_ = false;
  bool heard_ = false;                        ///< something came from a server
  std::map<std::string, std::string> moved_;  ///< addresses that a 308 changed for good
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
