// For tests: a service over a scripted model, and what is asked of it.
#pragma once

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/hash.h"
#include "http/page_check.h"
#include "schedule/stub_executor.h"
#include "serve/fake_exchange.h"
#include "serve/scripted_model.h"
#include "serve/service.h"

namespace holisafe::serve {

inline std::string shown_uri(const std::string& shows) {
  const std::string bytes = png_signature + shows;
  return "data:image/png;base64," + base64(std::as_bytes(std::span(bytes)));
}

inline Json image_member(const std::string& bytes) {
  return {{"type", "image_url"}, {"image_url", {{"url", shown_uri(bytes)}}}};
}

/// A chat of one user turn: images, then a text.
inline Json question_body(const std::vector<std::string>& images, const std::string& text) {
  Json content = Json::array();
  for (const auto& image : images) content.push_back(image_member(image));
  content.push_back({{"type", "text"}, {"text", text}});
  return {{"model", "tiny"}, {"messages", {{{"role", "user"}, {"content", content}}}}};
}

/// The events of a stream; comments left out.
inline std::vector<std::string> events_of(const std::string& body) {
  std::vector<std::string> out;
  std::istringstream lines(body);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("data: ")) out.push_back(line.substr(6));
  }
  return out;
}

/// Waits for what another thread does; false: it never did.
inline bool comes_true(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!holds() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return holds();
}

class ServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              ("serve_test_" + std::to_string(::getpid()) + "_" +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
    options_.model_name = "tiny";
    options_.access_log = folder_ / "access.jsonl";
    options_.review_log = folder_ / "review.jsonl";
    limits_.prepare_threads = 1;
  }
  void TearDown() override {
    service_.reset();
    std::filesystem::remove_all(folder_);
  }

  void open(bool with_model = true) {
    auto service = Service::open(std::move(options_), policy_);
    ASSERT_TRUE(service) << service.error().message();
    service_ = *std::move(service);
    if (with_model) load();
  }
  void load() { service_->model(std::make_unique<schedule::Scheduler>(model_, limits_)); }

  static http::ServerRequest request(const std::string& method, const std::string& path,
                                     const std::string& body = {}, http::Headers more = {}) {
    http::ServerRequest out{method, path, {}, {{"host", "127.0.0.1:8080"}}, body};
    if (method == "POST") out.headers.emplace_back("content-type", "application/json");
    for (auto& header : more) {
      std::erase_if(out.headers, [&](const auto& old) { return old.first == header.first; });
      if (!header.second.empty()) out.headers.push_back(std::move(header));
    }
    return out;
  }
  /// As a server does it: the head first.
  std::shared_ptr<FakeExchange> begin(http::ServerRequest asked) {
    auto exchange = std::make_shared<FakeExchange>();
    http::ServerRequest head = asked;
    head.body.clear();
    if (auto answer = service_->accept(head)) {
      exchange->respond(*std::move(answer));
    } else {
      service_->handle(std::move(asked), exchange);
    }
    return exchange;
  }
  http::ServerResponse ask(http::ServerRequest asked) { return begin(std::move(asked))->wait(); }
  http::ServerResponse ask_chat(const Json& body) {
    return ask(request("POST", "/v1/chat/completions", body.dump()));
  }
  std::shared_ptr<FakeExchange> begin_chat(const Json& body) {
    return begin(request("POST", "/v1/chat/completions", body.dump()));
  }
  static Json json_of(const http::ServerResponse& answer) { return Json::parse(answer.body); }
  /// "503 overloaded".
  static std::string fault_of(const http::ServerResponse& answer) {
    const Json json = Json::parse(answer.body, nullptr, false);
    if (!json.is_object() || !json.contains("error")) return std::to_string(answer.status);
    return std::to_string(answer.status) + " " + json["error"]["code"].get<std::string>();
  }
  /// The lines of a log, once the service has written them.
  std::vector<Json> lines_of(const std::string& file) {
    service_.reset();
    std::vector<Json> out;
    std::ifstream lines(folder_ / file);
    for (std::string line; std::getline(lines, line);) out.push_back(Json::parse(line));
    return out;
  }

  std::filesystem::path folder_;
  ServiceOptions options_;
  policy::Policy policy_ = [] {
    policy::Policy out = policy::of_threshold(0.5);
    out.refusal = "No: {subcategory}.";
    return out;
  }();
  schedule::Limits limits_;
  std::shared_ptr<ScriptedModel> model_ = std::make_shared<ScriptedModel>();
  std::unique_ptr<Service> service_;
};

}  // namespace holisafe::serve
