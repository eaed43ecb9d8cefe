// The service: paths, access, and what each request becomes.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/server.h"
#include "policy/policy.h"
#include "schedule/scheduler.h"
#include "serve/guard.h"
#include "serve/request.h"
#include "serve/upstream.h"

namespace holisafe::serve {

/// Words as the flags of `holisafe serve` take them.
struct ServiceOptions {
  std::string model_name;
  std::vector<std::string> keys;  ///< empty: none is needed
  bool loopback = true;
  std::vector<std::string> allowed_hosts;
  std::vector<std::string> allowed_origins;
  std::vector<std::string> image_hosts;
  RequestLimits limits;
  GuardOptions guard;
  std::optional<UpstreamOptions> upstream;  ///< a guard proxy
  std::set<std::string> upstream_fields;
  UpstreamImages upstream_images = UpstreamImages::automatic;
  bool forward_authorization = false;
  /// Requests that judge or answer at once; more are `overloaded`. 0: no bound.
  std::size_t most_requests = 0;
  std::filesystem::path access_log;  ///< "-": standard output; empty: none
  std::filesystem::path review_log;  ///< empty: none
};

/// Answers `loading` until model() was called. Judging, hashing and reading of bodies happen on threads of
/// its own. The server that calls it is closed before it goes.
class Service final : public http::Handler {
 public:
  /// Errors: those of opening logs, upstream and whatever fetches images.
  static Result<std::unique_ptr<Service>> open(ServiceOptions options, policy::Policy policy);
  ~Service() override;

  std::optional<http::ServerResponse> accept(const http::ServerRequest& head) override;
  void handle(http::ServerRequest request, std::shared_ptr<http::Exchange> exchange) override;
  http::ServerResponse fault(http::ServerFault fault, const http::ServerRequest& head) override;

  /// The model is there. Once.
  void model(std::unique_ptr<schedule::Scheduler> scheduler);
  void policy(policy::Policy policy);
  /// New requests and /health are `draining` from now on.
  void drain();
  /// Judged requests and answers under way.
  [[nodiscard]] std::size_t under_way() const;
  /// Ends the rest: streams with an error event, others as `draining`.
  void end_all();
  /// Something the operator should know, in the access log.
  void log(std::string_view event);

 private:
  class Parts;
  explicit Service(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace holisafe::serve
