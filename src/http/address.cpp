#include "http/address.h"

#include <cstdlib>

#include <curl/curl.h>

#include "base/text.h"

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
  [[nodiscard]] bool has(CURLUPart which) const {
    char* text = nullptr;
    const bool good = ::curl_url_get(handle, which, &text, 0) == CURLUE_OK;
    ::curl_free(text);
    return good;
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

std::optional<UrlParts> url_parts(const std::string& url) {
  const Url parsed;
  // libcurl would read up to a NUL alone.
  if (url.find('\0') != std::string::npos || !parsed.set(url)) return std::nullopt;
  UrlParts out;
  out.url = parsed.part(CURLUPART_URL);
  out.scheme = ascii_lower(parsed.part(CURLUPART_SCHEME));
  out.host = ascii_lower(parsed.part(CURLUPART_HOST));
  out.port = static_cast<std::uint16_t>(
      std::strtoul(parsed.part(CURLUPART_PORT, CURLU_DEFAULT_PORT).c_str(), nullptr, 10));
  const auto has = [&](CURLUPart which) { return parsed.has(which); };
  out.has_user = has(CURLUPART_USER) || has(CURLUPART_PASSWORD) || has(CURLUPART_OPTIONS);
  out.has_query = has(CURLUPART_QUERY);
  out.has_fragment = has(CURLUPART_FRAGMENT);
  if (out.url.empty() || out.host.empty()) return std::nullopt;
  return out;
}

std::string without_query(const std::string& url) { return url.substr(0, url.find('?')); }

}  // namespace holisafe::http
