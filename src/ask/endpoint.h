// A provider's API at an address, with a model and a key: what questions and batches go through.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ask/parameters.h"
#include "ask/provider.h"
#include "base/progress.h"
#include "base/result.h"
#include "http/client.h"

namespace holisafe::ask {

struct EndpointSettings {
  /// Where the API begins, such as "http://127.0.0.1:8000/v1"; without a path, the provider's version path is
  /// added; a query goes with every request. Empty: the provider's own address.
  std::string url;
  std::string model;
  /// Merged into the body of every question (RFC 7386): its members win over this program's, null takes a
  /// member away.
  Json request = Json::object();
  http::ClientOptions client = {};
  std::string key_header = {};  ///< name of the header that holds the key; empty: the provider's own
  Parameters parameters = {};   ///< known to be needed
  /// Called when a model turns out not to take a parameter. May be empty.
  std::function<void(const ParameterChange&)> on_change = {};
};

/// Reads `request` of the settings from a file. Errors: those of read_file(); malformed (no JSON object);
/// unexpected (a member that holds the questions themselves, or asks for a stream).
Result<Json> read_request_json(const std::string& file);

/// Where an API lies.
struct Address {
  std::string host;        ///< "http://127.0.0.1:8000"
  std::string path;        ///< "/v1"
  std::string query = {};  ///< "?api-version=1", or nothing

  /// Without scheme and port: "127.0.0.1".
  [[nodiscard]] std::string host_name() const;
};
/// `url` as in EndpointSettings. Errors: usage (an address that is none, or one with a user's name).
Result<Address> address_of(const Provider& provider, std::string url);

/// Movable; one thread at a time.
class Endpoint {
 public:
  /// Nothing is sent. Errors: those of address_of().
  static Result<Endpoint> open(const Provider& provider, EndpointSettings settings, http::Secret key);

  [[nodiscard]] const Provider& provider() const { return *provider_; }
  [[nodiscard]] const std::string& model() const { return model_; }
  [[nodiscard]] http::Client& client() const { return *client_; }

  /// A question as the body of a request; its images are read. Errors: those of reading an image.
  [[nodiscard]] Result<Json> body(chat::Question question) const;
  /// The same as a request; a response that holds no answer fails its check and is tried again.
  [[nodiscard]] Result<http::Request> ask(chat::Question question) const;
  /// What became of that request. Texts and errors hold no key.
  [[nodiscard]] Result<chat::Reply> reply(const http::Outcome& outcome) const;
  /// How requests are made now.
  [[nodiscard]] const Parameters& parameters() const { return parameters_; }
  /// Whether the body of an error, of a request sent with `sent`, says that other parameters are needed:
  /// requests are made with those from now on, and the same question is worth another try.
  bool adapt(const Parameters& sent, const Json& error);
  /// `reply` without the key, wherever it came from.
  [[nodiscard]] Result<chat::Reply> redacted(Result<chat::Reply> reply) const;

  /// Addresses and requests for `path` below the API's beginning; JSON bodies.
  [[nodiscard]] std::string url(std::string_view path) const;
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
  /// Whether the last call failed in a way that any other would.
  [[nodiscard]] bool is_hopeless() const { return hopeless_; }

 private:
  const Provider* provider_ = nullptr;
  Address address_;
  std::string model_;
  Json request_;
  Parameters parameters_;
  std::function<void(const ParameterChange&)> on_change_;
  bool hopeless_ = false;
  std::unique_ptr<http::Client> client_;
};

/// `text` as part of a path: what no path can carry is escaped with %.
std::string url_part(std::string_view text);

}  // namespace holisafe::ask
