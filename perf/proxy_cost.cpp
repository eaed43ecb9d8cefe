// What the guard proxy adds to a request whose picture it has judged before: a client asks an upstream that
// answers at once, directly and through the service, in turns; and where the time goes, step by step.
//
//   ninja -C build proxy_cost && build/perf/proxy_cost [ROUNDS]
//
// All run in this process, over loopback. Nothing is judged (the model says "safe" at once): what is left is
// reading, decoding, hashing, writing anew and passing on.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <malloc.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/hash.h"
#include "http/server.h"
#include "image/image.h"
#include "schedule/executor.h"
#include "serve/service.h"
#include "serve/upstream_document.h"

namespace {

using namespace holisafe;
using Clock = std::chrono::steady_clock;

/// Every picture is safe.
class SafeModel final : public schedule::Executor {
 public:
  [[nodiscard]] std::uint64_t bytes_per_position() const override { return 1; }
  Result<std::unique_ptr<schedule::Prepared>> prepare(const chat::Question& question) override {
    auto out = std::make_unique<schedule::Prepared>();
    out->own_stages.assign(1, 1);
    out->most_new_tokens = question.how.max_new_tokens;
    return out;
  }
  std::shared_ptr<schedule::Prefix> open_prefix(const schedule::Prepared&) override { return nullptr; }
  schedule::Outcome join(schedule::Prepared&, const std::shared_ptr<schedule::Prefix>&) override {
    return {};
  }
  std::vector<schedule::Outcome> run(std::span<const schedule::Work> works) override {
    taxonomy::Verdict safe;
    safe.scores[0] = 1;
    chat::Reply reply;
    reply.image_verdicts = {safe};
    schedule::Outcome out;
    out.end = reply;
    return std::vector<schedule::Outcome>(works.size(), out);
  }
};

class InstantUpstream final : public http::Handler {
 public:
  std::optional<http::ServerResponse> accept(const http::ServerRequest&) override { return std::nullopt; }
  http::ServerResponse fault(http::ServerFault, const http::ServerRequest&) override { return {400}; }
  void handle(http::ServerRequest, std::shared_ptr<http::Exchange> exchange) override {
    exchange->respond({200,
                       {{"content-type", "application/json"}},
                       R"({"id":"1","choices":[{"message":{"role":"assistant","content":"Fine."}}]})"});
  }
};

[[noreturn]] void give_up(const std::string& why) {
  fmt::print(stderr, "proxy_cost: {}\n", why);
  std::exit(2);
}

struct Time {
  double wall = 0;
  double processor = 0;  ///< of the whole process, which says more on a machine that others use
};

double processor_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// A kept connection.
class Connection {
 public:
  explicit Connection(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_port = htons(port);
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int one = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&place), sizeof place) != 0)
      give_up("no connection");
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { ::close(socket_); }

  /// To the whole answer.
  [[nodiscard]] Time ask(const std::string& request) const {
    const double processor = processor_seconds();
    const auto begin = Clock::now();
    for (std::size_t sent = 0; sent < request.size();) {
      const auto bytes = ::send(socket_, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
      if (bytes <= 0) give_up("the connection was closed");
      sent += static_cast<std::size_t>(bytes);
    }
    std::string answer;
    std::size_t whole = std::string::npos;
    while (answer.size() < whole) {
      std::array<char, 65536> piece{};
      const auto bytes = ::recv(socket_, piece.data(), piece.size(), 0);
      if (bytes <= 0) give_up("the connection was closed");
      answer.append(piece.data(), static_cast<std::size_t>(bytes));
      const auto head = answer.find("\r\n\r\n");
      if (head == std::string::npos || whole != std::string::npos) continue;
      const auto length = answer.find("ontent-Length: ");
      if (length > head) give_up("no length: " + answer);
      whole = head + 4 + std::stoul(answer.substr(length + 15));
    }
    const std::chrono::duration<double> seconds = Clock::now() - begin;
    if (!answer.starts_with("HTTP/1.1 200")) give_up(answer);
    return {seconds.count(), processor_seconds() - processor};
  }

 private:
  int socket_;
};

/// A PNG of noise, some three bytes a pixel.
std::string noise_png(int side) {
  std::mt19937 random(1);
  image::Image out{side, side, std::vector<std::uint8_t>(static_cast<std::size_t>(side * side) * 3)};
  for (auto& byte : out.rgb) byte = static_cast<std::uint8_t>(random());
  return image::encode_png(out).value();
}

std::string body_with(const std::string& png) {
  return R"({"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"What is this?"},)"
         R"({"type":"image_url","image_url":{"url":"data:image/png;base64,)" +
         base64(std::as_bytes(std::span(png))) + R"("}}]}]})";
}

std::string request_with(const std::string& body) {
  return fmt::format(
      "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
      "Content-Length: {}\r\n\r\n{}",
      body.size(), body);
}

double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1,
                         static_cast<std::size_t>(share * static_cast<double>(values.size())))];
}

double median_of(int rounds, const std::function<void()>& work) {
  std::vector<double> out;
  for (int i = 0; i < rounds; ++i) {
    const auto begin = Clock::now();
    work();
    out.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
  }
  return 1e3 * quantile(out, 0.5);
}

void report_steps(const std::string& png, const std::string& body, int rounds) {
  using namespace serve;
  const RequestLimits limits;
  const auto request = read_chat_for_upstream(body, limits, {}).value();
  fmt::print("    JSON {:.2f}, JSON and image {:.2f}, SHA-256 {:.2f}, base64 {:.2f}, document {:.2f} ms\n",
             median_of(rounds, [&] { static_cast<void>(parse_body(body)); }),
             median_of(rounds, [&] { static_cast<void>(read_chat_for_upstream(body, limits, {})); }),
             median_of(rounds, [&] { static_cast<void>(sha256(png)); }),
             median_of(rounds, [&] { static_cast<void>(base64(std::as_bytes(std::span(png)))); }),
             median_of(rounds, [&] {
               static_cast<void>(upstream_document(request, UpstreamImages::automatic, {}));
             }));
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 300;
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);  // as cli/serve.cpp has it
  ::mallopt(M_TRIM_THRESHOLD, 256 << 20);
  InstantUpstream instant;
  const auto upstream = http::Server::listen({.port = 0}, instant).value();
  serve::ServiceOptions options;
  options.upstream.emplace().url = fmt::format("http://127.0.0.1:{}/v1", upstream->port());
  const auto service = serve::Service::open(std::move(options), policy::of_threshold(0.5)).value();
  service->model(std::make_unique<schedule::Scheduler>(std::make_shared<SafeModel>(), schedule::Limits{}));
  const auto server = http::Server::listen({.port = 0}, *service).value();
  for (const int side : {16, 160, 483, 1080}) {
    const std::string png = noise_png(side);
    const std::string body = body_with(png);
    const std::string request = request_with(body);
    const Connection direct(upstream->port());
    const Connection guarded(server->port());
    std::vector<double> plain;
    std::vector<double> added;
    std::vector<double> computed;
    for (int i = 0; i < rounds + 5; ++i) {
      const Time without = direct.ask(request);
      const Time with = guarded.ask(request);
      if (i < 5) continue;  // judged, connections made
      plain.push_back(1e3 * without.wall);
      added.push_back(1e3 * (with.wall - without.wall));
      computed.push_back(1e3 * (with.processor - without.processor));
    }
    fmt::print(
        "  a picture of {} bytes: directly {:.2f} ms, the proxy adds {:.2f} (p50), {:.2f} (p99), {:.2f} ms "
        "of processor time\n",
        png.size(), quantile(plain, 0.5), quantile(added, 0.5), quantile(added, 0.99),
        quantile(computed, 0.5));
    report_steps(png, body, std::min(rounds, 100));
  }
  server->close();
  upstream->close();
  return 0;
}
