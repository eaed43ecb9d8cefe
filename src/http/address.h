// Addresses of the web: where they lead from another, whose they are, what of them may be shown.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace holisafe::http {

/// The address that `relative` names as seen from `base`, such as a response's Location; empty where it names
/// none.
std::string resolved(const std::string& base, const std::string& relative);

/// Whether both have one scheme, host and port.
bool is_same_origin(const std::string& one, const std::string& other);

/// An address without its query, in which a key could stand: what may be kept and shown.
std::string without_query(const std::string& url);

/// What an address is made of, as libcurl reads it, which is also who follows it.
struct UrlParts {
  std::string url;     ///< as libcurl writes it
  std::string scheme;  ///< in lower case
  std::string host;    ///< in lower case; an IPv6 address in brackets
  std::uint16_t port = 0;
  bool has_user = false;  ///< or a password, or options of a login
  bool has_query = false;
  bool has_fragment = false;
};
/// Nothing where it is no absolute address of a scheme that libcurl knows.
std::optional<UrlParts> url_parts(const std::string& url);

}  // namespace holisafe::http
