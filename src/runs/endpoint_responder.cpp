// The responder that asks an OpenAI-compatible endpoint.
#include <utility>

#include <fmt/format.h>

#include "base/file.h"
#include "image/image.h"
#include "runs/chat_format.h"
#include "runs/responder.h"

namespace holisafe::runs {
namespace {

using store::Answer;
using store::AnswerState;

class EndpointResponder : public Responder {
 public:
  EndpointResponder(ResponderSettings settings, std::string url)
      : settings_(std::move(settings)),
        url_(std::move(url)),
        client_(settings_.client, std::move(settings_.key)) {}

  [[nodiscard]] bool groups_images() const override { return false; }
  [[nodiscard]] bool has_room() const override { return !stopped_ && ready_.empty() && client_.has_room(); }
  [[nodiscard]] std::size_t pending() const override { return client_.pending() + ready_.size(); }
  [[nodiscard]] std::optional<Error> stopped() const override { return stopped_; }
  [[nodiscard]] Faults faults() const override { return client_.faults(); }

  void ask(std::vector<store::Row> rows) override {
    for (const auto& row : rows) {
      auto body = body_of(row.sample);
      if (body) {
        send(row.key(), *std::move(body));
      } else {
        ready_.emplace_back(row.key(), unanswered(body.error()));
      }
    }
  }

  store::RunStore::Answers poll(milliseconds longest) override {
    if (ready_.empty()) client_.poll(longest);
    return std::exchange(ready_, {});
  }

  void finish_only() override {
    finishing_ = true;
    client_.finish_only();
  }
  void drop_all() override {
    client_.drop_all();
    ready_.clear();
  }

 private:
  static Answer unanswered(const Error& error) {
    return {AnswerState::unanswered, "", "", error.message(), std::nullopt};
  }

  [[nodiscard]] Result<std::string> body_of(const store::Sample& sample) const {
    HOLISAFE_TRY(const auto path, resolve_beneath(settings_.images, sample.images().front()));
    HOLISAFE_TRY(const std::string image, read_file(path, image::Limits().file_bytes));
    auto body = chat_request(settings_.api_model, settings_.prompt, sample.query, image);
    if (!body) return fail(body.error().kind, body.error().what, path.string(), body.error().detail);
    return body;
  }

  void send(store::AnswerKey key, std::string body) {
    const auto answer = std::make_shared<Answer>();
    http::Request request;
    request.url = url_ + "/chat/completions";
    request.headers = {"Content-Type: application/json", "Accept: application/json"};
    request.body = std::move(body);
    request.check = [answer, url = request.url](const http::Response& response) -> Result<void> {
      auto parsed = chat_answer(response.body);
      if (!parsed) return fail(ErrorKind::malformed, parsed.error().what, url, parsed.error().detail);
      *answer = *std::move(parsed);
      return {};
    };
    client_.submit(std::move(request),
                   [this, answer, key](const http::Outcome& outcome) { take(key, outcome, *answer); });
  }

  void take(store::AnswerKey key, const http::Outcome& outcome, Answer& answer) {
    if (!outcome.error) {
      answer.text = client_.key().redact_answer(std::move(answer.text));
      answer.finish_reason = client_.key().redact_answer(std::move(answer.finish_reason));
      ready_.emplace_back(key, std::move(answer));
      return;
    }
    if (outcome.error->kind == ErrorKind::unauthorized) {
      if (!stopped_) stopped_ = outcome.error;
      client_.drop_all();
      return;
    }
    if (outcome.response.status == 400) {
      if (const auto code = content_filter_code(outcome.response.body)) {
        ready_.emplace_back(key, Answer{AnswerState::filtered, "", *code, "", std::nullopt});
        return;
      }
    }
    // What was cut off by the end of the run is asked again by the next one, and not called a failure.
    if (!finishing_) ready_.emplace_back(key, unanswered(*outcome.error));
  }

  ResponderSettings settings_;
  std::string url_;
  http::Client client_;
  store::RunStore::Answers ready_;
  std::optional<Error> stopped_;
  bool finishing_ = false;
};

/// Without slashes at its end. No part of an address in which a key could hide.
Result<std::string> endpoint_url(const std::string& url) {
  std::string out = url;
  while (!out.empty() && out.back() == '/') out.pop_back();
  const auto scheme = out.find("://");
  const bool known = out.starts_with("http://") || out.starts_with("https://");
  if (!known || out.size() == scheme + 3)
    return fail(ErrorKind::usage, "bad address", "--endpoint", "expected http://HOST… or https://HOST…");
  if (out.find_first_of("@?#", scheme) != std::string::npos) {
    return fail(
        ErrorKind::usage, "bad address", "--endpoint",
        "expected one without user name, password, query and fragment; keys come from --api-key-file or "
        "HOLISAFE_API_KEY");
  }
  return out;
}

Result<store::Identity> identity(const ResponderSettings& settings) {
  HOLISAFE_TRY(std::string url, endpoint_url(settings.endpoint));
  if (!settings.local.guard.empty() || !settings.local.adapter.empty()) {
    return fail(ErrorKind::usage, "flag does not go with --endpoint",
                settings.local.guard.empty() ? "--adapter" : "--guard", "expected --model");
  }
  if (settings.api_model.empty()) {
    return fail(ErrorKind::usage, "no model", "--api-model",
                "expected the model's name at the endpoint, found nothing");
  }
  return store::Identity{{"endpoint", std::move(url)}, {"model", settings.api_model}};
}

Result<std::unique_ptr<Responder>> open(ResponderSettings settings) {
  HOLISAFE_TRY(std::string url, endpoint_url(settings.endpoint));
  return std::make_unique<EndpointResponder>(std::move(settings), std::move(url));
}

bool chosen(const ResponderSettings& settings) { return !settings.endpoint.empty(); }

}  // namespace

const ResponderKind endpoint_responder = {"endpoint", "--endpoint", chosen, identity, open};

}  // namespace holisafe::runs
