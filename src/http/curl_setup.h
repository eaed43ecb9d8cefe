// What every user of libcurl here needs: its start, whose certificates are trusted, which of its faults are
// which. Internal to the program.
#pragma once

#include <string>

#include <curl/curl.h>

namespace holisafe::http {

/// Starts libcurl, once; before anything else of it is called. Thread-safe.
void initialise_curl();

/// A file of authorities' certificates and what names it; both empty where nothing does.
struct Authorities {
  std::string file;
  std::string by;
};
/// `file`, which --ca-file gave, else that of SSL_CERT_FILE, else of CURL_CA_BUNDLE.
Authorities authorities(const std::string& file = {});

bool is_certificate_fault(CURLcode code);
/// No connection: unknown host, refused, or a certificate that is not trusted.
bool is_unreachable(CURLcode code);

}  // namespace holisafe::http
