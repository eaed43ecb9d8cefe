#include "http/address.h"

#include <curl/curl.h>

namespace holisafe::http {
namespace {

struct Url {
  CURLU* handle = ::curl_url();

  Url() = default;
  Url(const Url&) = delete;
  Url& operator=(const Url&) = delete;
  ~Url() { ::curl_url_cleanup(handle); }

  bool set(const std::string& url) const {
    return ::curl_url_set(handle, CURLUPART_URL, url.c_str(), 0) == CURLUE_OK;
  }
  /// Empty where there is none.
  [[nodiscard]] std::string part(CURLUPart which, unsigned flags = 0) const {
    char* text = nullptr;
    const bool good = ::curl_url_get(handle, which, &text, flags) == CURLUE_OK;
    std::string out = good ? text : "";
    ::curl_free(text);
    return out;
  }
};

}  // namespace

std::string resolved(const std::string& base, const std::string& relative) {
  const Url url;
  if (relative.empty() || !url.set(base) || !url.set(relative)) return {};
  return url.part(CURLUPART_URL);
}

bool is_same_origin(const std::string& one, const std::string& other) {
  const Url first;
  const Url second;
  if (!first.set(one) || !second.set(other)) return false;
  for (const CURLUPart part : {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT}) {
    if (first.part(part, CURLU_DEFAULT_PORT) != second.part(part, CURLU_DEFAULT_PORT)) return false;
  }
  return true;
}

std::string without_query(const std::string& url) { return url.substr(0, url.find('?')); }

}  // namespace holisafe::http
