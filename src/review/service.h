// The review page and its API over HTTP: who may ask, paths, and what becomes of faults.
//
//   review::Service service(source, token);
//   HOLISAFE_TRY(auto server, http::Server::listen(review::server_options(port), service));
//   … server->close(); service.finish();
//
// GET /                     the page
// GET /api/about            what it asks first
// GET /api/LIST?state=&…    rows
// GET /api/images/ID        a picture
// POST /api/decisions       a decision
//
// Whoever asks names this machine in Host, comes from no page or from this one, and has the token, as
// `token=` behind the path or as X-Holisafe-Token: else 403.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/hash.h"
#include "http/server.h"
#include "http/workers.h"
#include "review/source.h"

namespace holisafe::review {

/// For a server on this machine alone; port 0: any free one.
http::ServerOptions server_options(std::uint16_t port);

/// The source is asked on one thread of this service's own, in the order of requests, and outlives it. The
/// server that calls it is closed before it goes.
class Service final : public http::Handler {
 public:
  Service(Source& source, const std::string& token);
  ~Service() override;

  std::optional<http::ServerResponse> accept(const http::ServerRequest& head) override;
  void handle(http::ServerRequest request, std::shared_ptr<http::Exchange> exchange) override;
  http::ServerResponse fault(http::ServerFault fault, const http::ServerRequest& head) override;

  /// Answers what has come. What comes later gets no answer.
  void finish();

 private:
  [[nodiscard]] bool has_token(const http::ServerRequest& head) const;
  [[nodiscard]] http::ServerResponse answer(const http::ServerRequest& request);
  [[nodiscard]] Answer<http::ServerResponse> ask(const http::ServerRequest& request);

  Source& source_;
  const Digest token_;
  http::Workers worker_{1};
};

}  // namespace holisafe::review
