// Images behind URLs of hosts that the operator allows.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "serve/fault.h"
#include "serve/guard.h"
#include "serve/request.h"

namespace holisafe::serve {

struct ImageFetchOptions {
  std::vector<std::string> hosts;  ///< exactly these, https on port 443 alone
  std::uint64_t max_bytes = 10'485'760;
  std::chrono::milliseconds timeout{10'000};  ///< of a whole image
  bool loopback_for_tests = false;            ///< http on any port, of loopback alone
};

/// Fetches what a request names by URL, each once: no redirect, the address checked (none that is private or
/// loopback) and pinned. Thread-safe.
class ImageFetcher {
 public:
  static Result<std::unique_ptr<ImageFetcher>> open(ImageFetchOptions options);
  virtual ~ImageFetcher() = default;

  /// The images with all their bytes, once, on any thread, perhaps before this returns. Faults:
  /// image_url_not_allowed, invalid_image (could not be fetched), image_too_large; param: the image's.
  using Done = std::function<void(Answer<std::vector<RequestImage>>)>;
  virtual std::unique_ptr<Task> fetch(std::vector<RequestImage> images, Done done) = 0;
};

}  // namespace holisafe::serve
