#include "http/curl_setup.h"

#include <cstdlib>

namespace holisafe::http {

void initialise_curl() {
  static const CURLcode code = ::curl_global_init(CURL_GLOBAL_DEFAULT);
  static_cast<void>(code);
}

Authorities authorities(const std::string& file) {
  if (!file.empty()) return {file, "--ca-file"};
  for (const char* name : {"SSL_CERT_FILE", "CURL_CA_BUNDLE"}) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing here sets variables
    if (value != nullptr && *value != '\0') return {value, name};
  }
  return {};
}

void set_target(CURL* easy, const std::string& url, const char* schemes, const std::string& ca_file) {
  ::curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  ::curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, schemes);
  ::curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  if (!ca_file.empty()) ::curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file.c_str());
}

void set_receivers(CURL* easy, void* self, OnBytes* on_piece, OnBytes* on_header) {
  ::curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_piece);
  ::curl_easy_setopt(easy, CURLOPT_WRITEDATA, self);
  ::curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  ::curl_easy_setopt(easy, CURLOPT_HEADERDATA, self);
}

void set_post(CURL* easy, void* self, std::size_t bytes, OnBytes* on_send) {
  ::curl_easy_setopt(easy, CURLOPT_POST, 1L);
  ::curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(bytes));
  ::curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_send);
  ::curl_easy_setopt(easy, CURLOPT_READDATA, self);
}

bool is_certificate_fault(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
         code == CURLE_SSL_ISSUER_ERROR;
}

bool is_unreachable(CURLcode code) {
  return code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
         code == CURLE_COULDNT_CONNECT || code == CURLE_SSL_CONNECT_ERROR || is_certificate_fault(code);
}

}  // namespace holisafe::http
