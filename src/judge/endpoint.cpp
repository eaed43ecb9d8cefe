#include "judge/endpoint.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

namespace holisafe::judge {
namespace {

constexpr std::string_view json_type = "application/json";

}  // namespace

Result<Json> parse_json(std::string_view provider, std::string_view body) {
  constexpr int most_levels = 100;  // copies of a document go as deep as it does
  bool too_deep = false;
  const auto limit_depth = [&](int depth, Json::parse_event_t, const Json&) {
    too_deep = too_deep || depth > most_levels;
    return !too_deep;
  };
  Json out = Json::parse(body, limit_depth, false);
  if (too_deep) return fail(unexpected_answer(provider, "JSON of at most 100 levels, found more"));
  if (out.is_discarded()) return fail(unexpected_answer(provider, "JSON, found something else"));
  return out;
}

std::string url_part(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       std::string_view("-._~/:@").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

Result<Endpoint> Endpoint::open(const Provider& provider, EndpointSettings settings, http::Secret key) {
  std::string url = settings.url.empty() ? std::string(provider.host) : settings.url;
  while (url.ends_with('/')) url.pop_back();
  const auto scheme = url.find("://");
  const bool known = url.starts_with("http://") || url.starts_with("https://");
  if (!known || scheme + 3 >= url.size() || url.find_first_of("?# ") != std::string::npos) {
    return fail(ErrorKind::usage, "bad address of the judge's API", settings.url,
                "expected http://HOST or https://HOST, with or without a path");
  }
  Endpoint out;
  out.provider_ = &provider;
  const auto path = url.find('/', scheme + 3);
  out.host_ = url.substr(0, path);
  out.path_ = path == std::string::npos ? std::string(provider.version_path) : url.substr(path);
  out.base_ = out.host_ + out.path_;
  out.model_ = settings.model.empty() ? std::string(provider.default_model) : std::move(settings.model);
  settings.client.key_header = provider.key_header;
  out.client_ = std::make_unique<http::Client>(std::move(settings.client), std::move(key));
  return out;
}

http::Request Endpoint::ask(const Question& question) const {
  // Bytes that are not UTF-8 have no place in JSON; the benchmark's files hold none.
  http::Request out =
      post(provider_->path(model_),
           provider_->body(question, model_).dump(-1, ' ', false, Json::error_handler_t::replace));
  out.check = [provider = provider_](const http::Response& response) -> Result<void> {
    HOLISAFE_TRY(const Json body, parse_json(provider->name, response.body));
    const auto answer = provider->answer(body);
    if (!answer && answer.error().kind == ErrorKind::malformed) return fail(answer.error());
    return {};
  };
  return out;
}

Result<std::string> Endpoint::answer(const http::Response& response) const {
  HOLISAFE_TRY(const Json body, parse_json(provider_->name, response.body));
  return provider_->answer(body);
}

std::string Endpoint::url_before_version(std::string_view prefix, std::string_view path) const {
  return fmt::format("{}{}{}{}", host_, prefix, path_, path);
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
  return url.starts_with(host_) && (url.size() == host_.size() || url[host_.size()] == '/');
}

Result<http::Response> Endpoint::call(http::Request request, const StopFlag& stop) {
  constexpr http::milliseconds turn{200};
  std::optional<http::Outcome> outcome;
  const std::string url = request.url;
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
  if (!outcome) return fail(ErrorKind::interrupted, "interrupted", url);
  if (outcome->error) return fail(std::move(*outcome->error));
  return std::move(outcome->response);
}

Result<Json> Endpoint::call_json(http::Request request, const StopFlag& stop) {
  const std::string_view provider = provider_->name;
  request.check = [provider](const http::Response& response) -> Result<void> {
    HOLISAFE_CHECK(parse_json(provider, response.body));
    return {};
  };
  HOLISAFE_TRY(const http::Response response, call(std::move(request), stop));
  return parse_json(provider, response.body);
}

}  // namespace holisafe::judge
