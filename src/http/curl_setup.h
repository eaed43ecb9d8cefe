// What every user of libcurl here needs: its start, whose certificates are trusted, which of its faults are
// which. Internal to the program.
#pragma once

#include <cstddef>
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

/// What every transfer is told: its address, the schemes that it may have ("http,https"), a file of
/// authorities' certificates (empty: the system's), no signals.
void set_target(CURL* easy, const std::string& url, const char* schemes, const std::string& ca_file);

/// One of libcurl's callbacks: bytes, and who they are for.
using OnBytes = std::size_t(char* data, std::size_t size, std::size_t count, void* self);
/// Who hears of the answer's body, in pieces, and of its header lines.
void set_receivers(CURL* easy, void* self, OnBytes* on_piece, OnBytes* on_header);
/// A body of so many bytes, through a callback that cannot be rewound, so that libcurl does not send it
/// twice.
void set_post(CURL* easy, void* self, std::size_t bytes, OnBytes* on_send);

bool is_certificate_fault(CURLcode code);
/// No connection: unknown host, refused, or a certificate that is not trusted.
bool is_unreachable(CURLcode code);

}  // namespace holisafe::http
