// A provider's API at an address, with a model and a key: what questions and batches go through.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "http/client.h"
#include "judge/provider.h"

namespace holisafe::judge {

struct EndpointSettings {
  /// Where the API begins, such as "http://127.0.0.1:8000/v1"; without a path, the provider's version path is
  /// added. Empty: the provider's own address.
  std::string url;
  std::string model;  ///< empty: the provider's default
  http::ClientOptions client = {};
};

/// Movable; one thread at a time.
class Endpoint {
 public:
  /// Nothing is sent. Errors: usage (an address that is none).
  static Result<Endpoint> open(const Provider& provider, EndpointSettings settings, http::Secret key);

  [[nodiscard]] const Provider& provider() const { return *provider_; }
  [[nodiscard]] const std::string& model() const { return model_; }
  [[nodiscard]] http::Client& client() { return *client_; }

  /// A question as a request; a response that holds no answer fails its check and is tried again.
  [[nodiscard]] http::Request ask(const Question& question) const;
  /// The answer in a response that passed that check. Errors: those of Provider::answer.
  [[nodiscard]] Result<std::string> answer(const http::Response& response) const;

  /// Addresses and requests for `path` below the API's beginning; JSON bodies.
  [[nodiscard]] std::string url(std::string_view path) const { return base_ + std::string(path); }
  /// The same with `prefix` before the version path.
  [[nodiscard]] std::string url_before_version(std::string_view prefix, std::string_view path) const;
  [[nodiscard]] http::Request get(std::string_view path) const;
  [[nodiscard]] http::Request post(std::string_view path, std::string body) const;
  [[nodiscard]] std::vector<std::string> headers(std::string_view content_type) const;
  /// Whether an address lies on this endpoint's host, so that the key may go there.
  [[nodiscard]] bool is_own(std::string_view url) const;

  /// Sends one request and waits for its end, all tries included. Errors: those of http::Outcome;
  /// interrupted.
  Result<http::Response> call(http::Request request, const StopFlag& stop);
  /// The same for an answer in JSON: anything else is tried again, then malformed.
  Result<Json> call_json(http::Request request, const StopFlag& stop);

 private:
  const Provider* provider_ = nullptr;
  std::string host_;  ///< "http://127.0.0.1:8000"
  std::string path_;  ///< "/v1"
  std::string base_;  ///< both
  std::string model_;
  std::unique_ptr<http::Client> client_;
};

/// JSON of a response body. Errors: malformed.
Result<Json> parse_json(std::string_view provider, std::string_view body);

/// `text` as part of a path: what no path can carry is escaped with %.
std::string url_part(std::string_view text);

}  // namespace holisafe::judge
