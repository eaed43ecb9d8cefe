#include "ask/endpoint.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "ask/answer_schema.h"
#include "ask/event_stream.h"
#include "ask/refusal.h"
#include "base/file.h"
#include "http/address.h"
#include "http/said.h"
#include "image/image.h"

namespace holisafe::ask {
namespace {

constexpr std::string_view json_type = "application/json";

/// Reads what is only named.
Result<void> read_images(chat::Question& question) {
  for (chat::Turn& turn : question.conversation.turns) {
    for (chat::Part& part : turn.parts) {
      auto* image = std::get_if<chat::Image>(&part);
      if (image == nullptr || image->bytes) continue;
      HOLISAFE_TRY(std::string bytes, read_file(image->file, image::Limits().file_bytes));
      image->bytes = std::make_shared<const std::string>(std::move(bytes));
    }
  }
  return {};
}

/// Bytes of one answer's body at most.
constexpr std::uint64_t most_answer_bytes = std::uint64_t{16} << 20;

/// An answer that the API's format holds, whole or as a stream, or an Error for one that it does not.
Result<chat::Reply> answer_in(const Provider& provider, const std::string& body) {
  if (!is_event_stream(body)) {
    HOLISAFE_TRY(const Json json, parse_json(provider.name, body));
    return reply_in(provider, json);
  }
  HOLISAFE_TRY(const auto events, stream_events(provider.name, body));
  HOLISAFE_TRY(const Json json, provider.whole(events));
  return reply_in(provider, json);
}

/// Whether a response that looks as if another try could help is the last word.
bool is_final(const http::Response& response) {
  return response.status == 429 && is_out_of_quota(body_of(response));
}

/// Whether `name` can be that of a header field (RFC 9110).
bool is_field_name(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

}  // namespace

std::string url_part(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       std::string_view("-._~/:@").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

Result<Json> read_request_json(const std::string& file) {
  constexpr std::uint64_t most_bytes = std::uint64_t{1} << 20;
  constexpr std::array<std::string_view, 4> ours = {"messages", "contents", "requests", "stream"};
  HOLISAFE_TRY(const std::string text, read_file(file, most_bytes));
  auto out = parse_json("", text);
  if (!out || !out->is_object())
    return fail(ErrorKind::malformed, "bad members of requests", file, "expected a JSON object");
  for (const auto& name : ours) {
    if (out->contains(name)) {
      return fail(ErrorKind::unexpected, "bad members of requests", file,
                  fmt::format("expected none named \"{}\", which is this program's own", name));
    }
  }
  return out;
}

Result<Address> address_of(const Provider& provider, std::string url) {
  if (url.empty()) url = provider.host;
  const std::string query = url.substr(std::min(url.find('?'), url.size()));
  url.resize(url.size() - query.size());
  while (url.ends_with('/')) url.pop_back();
  const auto scheme = url.find("://");
  const bool known = url.starts_with("http://") || url.starts_with("https://");
  const auto holds_bad = [](const std::string& text) {
    return std::any_of(text.begin(), text.end(), [](char c) {
      return static_cast<unsigned char>(c) <= 0x20 ||
             std::string_view("@#\x7f").find(c) != std::string_view::npos;
    });
  };
  if (!known || scheme + 3 >= url.size() || holds_bad(url) || holds_bad(query)) {
    return fail(ErrorKind::usage, "bad address of the API", "",
                "expected http://HOST… or https://HOST… without user name, password and fragment; keys come "
                "from --api-key-file or HOLISAFE_API_KEY");
  }
  const auto path = url.find('/', scheme + 3);
  return Address{url.substr(0, path),
                 path == std::string::npos ? std::string(provider.version_path) : url.substr(path), query};
}

std::string Address::host_name() const {
  std::string out = host.substr(host.find("://") + 3);
  const auto bracket = out.rfind(']');  // an IPv6 address has colons of its own
  const auto colon = out.find(':', bracket == std::string::npos ? 0 : bracket);
  return out.substr(0, colon);
}

Result<Endpoint> Endpoint::open(const Provider& provider, EndpointSettings settings, http::Secret key) {
  Endpoint out;
  out.provider_ = &provider;
  HOLISAFE_TRY(out.address_, address_of(provider, std::move(settings.url)));
  out.model_ = std::move(settings.model);
  out.request_ = std::move(settings.request);
  if (settings.parameters.completion_tokens && !provider.takes_completion_tokens) {
    return fail(ErrorKind::usage, "flag does not go with the API", "--tokens-as max_completion_tokens",
                fmt::format("expected an API that takes it, found {}", provider.name));
  }
  out.parameters_ = settings.parameters;
  out.on_change_ = std::move(settings.on_change);
  settings.client.key_header = provider.key_header;
  if (!settings.key_header.empty()) {
    if (!is_field_name(settings.key_header))
      return fail(ErrorKind::usage, "bad name of a header", settings.key_header,
                  "expected one such as api-key");
    settings.client.key_header = settings.key_header + ": ";
  }
  out.client_ = std::make_unique<http::Client>(std::move(settings.client), std::move(key));
  return out;
}

Result<Json> Endpoint::body(chat::Question question) const {
  HOLISAFE_CHECK(read_images(question));
  if (question.schema && parameters_.no_schema) HOLISAFE_CHECK(describe_schema(question));
  HOLISAFE_TRY(Json out, provider_->body(question, model_));
  out.merge_patch(request_);
  parameters_.apply(out);
  return out;
}

bool Endpoint::adapt(const Parameters& sent, const Json& error) {
  auto change = change_for(*provider_, sent, error);
  if (!change) return false;
  // Other requests may have found more meanwhile.
  const Parameters before = parameters_;
  parameters_.add(change->parameters);
  change->parameters = parameters_;
  if (parameters_ != before && on_change_) on_change_(*change);
  return true;
}

Result<http::Request> Endpoint::ask(chat::Question question) const {
  HOLISAFE_TRY(const Json json, body(std::move(question)));
  http::Request out = post(provider_->path(model_), to_text(json));
  out.headers.emplace_back("Accept: application/json");
  out.max_body = most_answer_bytes;
  out.check = [provider = provider_](const http::Response& response) -> Result<void> {
    HOLISAFE_CHECK(answer_in(*provider, response.body));
    return {};
  };
  out.is_final = is_final;
  return out;
}

Result<chat::Reply> Endpoint::reply(const http::Outcome& outcome) const {
  if (!outcome.error) return redacted(answer_in(*provider_, outcome.response.body));
  if (may_be_filter(outcome.response.status)) {
    auto code = content_filter_code(body_of(outcome.response));
    if (code) return redacted(filtered_by(*std::move(code)));
  }
  return fail(*outcome.error);
}

Result<chat::Reply> Endpoint::redacted(Result<chat::Reply> reply) const {
  const http::Secret& key = client_->key();
  if (reply) {
    reply->text = key.redact_answer(std::move(reply->text));
    reply->finish_reason = key.redact_answer(std::move(reply->finish_reason));
    reply->refusal = key.redact_answer(std::move(reply->refusal));
    return reply;
  }
  Error error = std::move(reply).error();
  constexpr std::size_t most_detail = 450;
  error.where = key.redact(std::move(error.where));
  error.detail = excerpt(key.redact(std::move(error.detail)), most_detail);
  return fail(std::move(error));
}

std::string Endpoint::url(std::string_view path) const { return url_before_version("", path); }

std::string Endpoint::url_before_version(std::string_view prefix, std::string_view path) const {
  std::string query = address_.query;
  if (!query.empty() && path.find('?') != std::string_view::npos) query.front() = '&';
  return fmt::format("{}{}{}{}{}", address_.host, prefix, address_.path, path, query);
}

http::Request Endpoint::get(std::string_view path) const {
  http::Request out;
  out.method = "GET";
  out.url = url(path);
  out.headers = provider_->headers;
  return out;
}

http::Request Endpoint::post(std::string_view path, std::string body) const {
  http::Request out;
  out.url = url(path);
  out.headers = headers(json_type);
  out.body = std::move(body);
  return out;
}

std::vector<std::string> Endpoint::headers(std::string_view content_type) const {
  std::vector<std::string> out = provider_->headers;
  out.push_back(fmt::format("Content-Type: {}", content_type));
  return out;
}

bool Endpoint::is_own(std::string_view url) const {
  const std::string& host = address_.host;
  return url.starts_with(host) && (url.size() == host.size() || url[host.size()] == '/');
}

Result<http::Response> Endpoint::call(http::Request request, const StopFlag& stop) {
  constexpr http::milliseconds turn{200};
  std::optional<http::Outcome> outcome;
  const std::string url = request.url;
  request.is_final = is_final;
  client_->submit(std::move(request), [&](http::Outcome ended) { outcome = std::move(ended); });
  bool finishing = false;
  while (!outcome && client_->pending() > 0) {
    if (stop.urgent()) {
      client_->drop_all();
    } else if (stop.requested() && !finishing) {
      client_->finish_only();
      finishing = true;
    } else {
      client_->poll(turn);
    }
  }
  hopeless_ = outcome && ask::is_hopeless(*outcome);
  if (!outcome) return fail(ErrorKind::interrupted, "interrupted", http::without_query(url));
  if (outcome->error) return fail(std::move(*outcome->error));
  return std::move(outcome->response);
}

Result<Json> Endpoint::call_json(http::Request request, const StopFlag& stop) {
  const std::string_view provider = provider_->name;
  // A batch's state may hold all of its rows.
  constexpr std::size_t most = std::size_t{16} << 20;
  request.check = [provider](const http::Response& response) -> Result<void> {
    HOLISAFE_CHECK(parse_json(provider, response.body, most));
    return {};
  };
  HOLISAFE_TRY(const http::Response response, call(std::move(request), stop));
  return parse_json(provider, response.body, most);
}

}  // namespace holisafe::ask
