#include "serve/image_fetch.h"

#include <atomic>
#include <mutex>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include <curl/curl.h>
#include <unistd.h>

#include "base/text.h"
#include "http/address.h"
#include "http/curl_setup.h"
#include "http/curl_thread.h"
#include "http/public_address.h"

namespace holisafe::serve {
namespace {

using http::CurlJob;
using http::CurlThread;

struct FetchSetup {
  ImageFetchOptions options;
  std::set<std::string> hosts;  ///< in lower case
  std::string ca_file;
};

/// The URL as libcurl reads it, where it is one of an allowed host.
std::optional<std::string> allowed_url(const FetchSetup& setup, const std::string& url) {
  const auto parts = http::url_parts(url);
  if (!parts || parts->has_user || !setup.hosts.contains(parts->host)) return std::nullopt;
  const bool is_https = parts->scheme == "https" && parts->port == 443;
  const bool is_test = setup.options.loopback_for_tests && parts->scheme == "http";
  return is_https || is_test ? std::optional(parts->url) : std::nullopt;
}

/// One image on its way.
class FetchJob final : public CurlJob {
 public:
  using Ended = std::function<void(Answer<std::string>)>;

  FetchJob(std::shared_ptr<const FetchSetup> setup, std::string url, std::string param, Ended ended)
      : setup_(std::move(setup)), url_(std::move(url)), param_(std::move(param)), ended_(std::move(ended)) {}

  void set(CURL* easy) override {
    const auto& options = setup_->options;
    http::set_target(easy, url_, options.loopback_for_tests ? "http,https" : "https", setup_->ca_file);
    http::set_receivers(easy, this, &FetchJob::on_piece, &FetchJob::on_header);
    ::curl_easy_setopt(easy, CURLOPT_PROXY, "");  // whose address would be checked in place of the host's
    ::curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    ::curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    ::curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    ::curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &FetchJob::on_socket);
    ::curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, this);
    ::curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(options.timeout.count()));
    ::curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(options.max_bytes));
    ::curl_easy_setopt(easy, CURLOPT_USERAGENT, "holisafe");
  }
  [[nodiscard]] Clock::time_point deadline() const override { return Clock::time_point::max(); }

  void ended(CURL* easy, CURLcode code, bool) override {
    long status = 0;
    ::curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (too_large_ || code == CURLE_FILESIZE_EXCEEDED)
      return ended_(refuse(Code::image_too_large, "the image behind the URL is larger than allowed", param_));
    if (refused_ && code != CURLE_OK)
      return ended_(
          refuse(Code::image_url_not_allowed, "the URL leads to an address that is not allowed", param_));
    if (code != CURLE_OK || status != 200)
      return ended_(refuse(Code::invalid_image, "the image behind the URL cannot be fetched", param_));
    ended_(std::move(bytes_));
  }

 private:
  /// The very address that is connected to: nothing is looked up behind it.
  static curl_socket_t on_socket(void* self, curlsocktype, curl_sockaddr* address) {
    auto& job = *static_cast<FetchJob*>(self);
    const bool loopback = job.setup_->options.loopback_for_tests && http::is_loopback(address->addr);
    if (!loopback && !http::is_public(address->addr)) {
      job.refused_ = true;
      return CURL_SOCKET_BAD;
    }
    return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  }
  static std::size_t on_piece(char* data, std::size_t size, std::size_t count, void* self) {
    auto& job = *static_cast<FetchJob*>(self);
    const std::size_t bytes = size * count;
    job.too_large_ = job.bytes_.size() + bytes > job.setup_->options.max_bytes;
    if (job.too_large_ || !job.hear([] {})) return 0;
    job.bytes_.append(data, bytes);
    return bytes;
  }
  static std::size_t on_header(char*, std::size_t size, std::size_t count, void* self) {
    constexpr std::size_t most = 300'000;
    auto& job = *static_cast<FetchJob*>(self);
    job.header_bytes_ += size * count;
    return job.header_bytes_ <= most ? size * count : 0;
  }

  const std::shared_ptr<const FetchSetup> setup_;
  const std::string url_;
  const std::string param_;
  const Ended ended_;
  std::string bytes_;
  std::size_t header_bytes_ = 0;
  bool too_large_ = false;
  bool refused_ = false;
};

/// The images of a request; on the thread once the jobs were started.
class Fetch : public std::enable_shared_from_this<Fetch> {
 public:
  Fetch(std::vector<RequestImage> images, ImageFetcher::Done done)
      : images_(std::move(images)), done_(std::move(done)) {}

  /// Under way until start() was called for each; a first fault ends it.
  std::vector<std::shared_ptr<FetchJob>> jobs(const std::shared_ptr<const FetchSetup>& setup,
                                              std::optional<Fault>& fault) {
    std::vector<std::shared_ptr<FetchJob>> out;
    for (std::size_t i = 0; i < images_.size(); ++i) {
      if (images_[i].bytes != nullptr) continue;
      auto url = allowed_url(*setup, images_[i].url);
      if (!url) {
        fault = Fault{Code::image_url_not_allowed,
                      "images are taken as data URIs and from https URLs of allowed hosts", images_[i].param};
        return {};
      }
      out.push_back(std::make_shared<FetchJob>(
          setup, *std::move(url), images_[i].param,
          [self = shared_from_this(), i](auto bytes) { self->take(i, std::move(bytes)); }));
    }
    left_ = out.size();
    return out;
  }

  /// From now on nobody hears anything; what is said at this moment is waited for where the jobs are stopped.
  void drop() { dropped_ = true; }
  void finish() { done_(std::move(images_)); }
  void fail(Fault fault) { done_(tl::unexpected<Fault>(std::move(fault))); }

 private:
  void take(std::size_t image, Answer<std::string> bytes) {
    if (over_ || dropped_) return;
    if (!bytes) {
      over_ = true;
      return fail(std::move(bytes).error());
    }
    images_[image].bytes = std::make_shared<const std::string>(*std::move(bytes));
    if (--left_ > 0) return;
    over_ = true;
    finish();
  }

  std::vector<RequestImage> images_;
  const ImageFetcher::Done done_;
  std::size_t left_ = 0;
  bool over_ = false;
  std::atomic<bool> dropped_{false};
};

class FetchTask final : public Task {
 public:
  FetchTask(std::shared_ptr<Fetch> fetch, std::shared_ptr<CurlThread> thread,
            std::vector<std::shared_ptr<FetchJob>> jobs)
      : fetch_(std::move(fetch)), thread_(std::move(thread)), jobs_(std::move(jobs)) {}
  ~FetchTask() override {
    fetch_->drop();
    for (const auto& each : jobs_) thread_->stop(each);
  }

 private:
  const std::shared_ptr<Fetch> fetch_;
  const std::shared_ptr<CurlThread> thread_;
  const std::vector<std::shared_ptr<FetchJob>> jobs_;
};

class CurlImageFetcher final : public ImageFetcher {
 public:
  explicit CurlImageFetcher(std::shared_ptr<const FetchSetup> setup) : setup_(std::move(setup)) {}
  ~CurlImageFetcher() override { thread_->close(); }

  std::unique_ptr<Task> fetch(std::vector<RequestImage> images, Done done) override {
    auto fetch = std::make_shared<Fetch>(std::move(images), std::move(done));
    std::optional<Fault> fault;
    auto jobs = fetch->jobs(setup_, fault);
    if (fault)
      fetch->fail(*std::move(fault));
    else if (jobs.empty())
      fetch->finish();
    auto out = std::make_unique<FetchTask>(fetch, thread_, jobs);
    for (auto& each : jobs) thread_->start(std::move(each));
    return out;
  }

 private:
  const std::shared_ptr<const FetchSetup> setup_;
  const std::shared_ptr<CurlThread> thread_ = std::make_shared<CurlThread>();
};

}  // namespace

Result<std::unique_ptr<ImageFetcher>> ImageFetcher::open(ImageFetchOptions options) {
  auto setup = std::make_shared<FetchSetup>();
  for (const std::string& host : options.hosts) {
    const auto parts = http::url_parts("https://" + host + "/");
    if (!parts || parts->host != ascii_lower(host) || parts->has_user)
      return fail(ErrorKind::usage, "cannot use --allow-image-host", host,
                  "expected a host's name without a port");
    setup->hosts.insert(parts->host);
  }
  setup->options = std::move(options);
  setup->ca_file = http::authorities().file;
  std::unique_ptr<ImageFetcher> out = std::make_unique<CurlImageFetcher>(std::move(setup));
  return out;
}

}  // namespace holisafe::serve
