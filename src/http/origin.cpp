#include "http/origin.h"

#include "base/text.h"

namespace holisafe::http {

std::string host_name(std::string_view host) {
  const auto bracket = host.starts_with('[') ? host.find(']') : std::string_view::npos;
  if (bracket != std::string_view::npos) {
    host = host.substr(0, bracket + 1);
  } else {
    host = host.substr(0, host.find(':'));
  }
  if (host.ends_with('.')) host.remove_suffix(1);
  return ascii_lower(host);
}

bool is_loopback_name(std::string_view host) {
  const bool numbers = host.find_first_not_of("0123456789.") == std::string_view::npos;
  return host == "localhost" || host == "[::1]" || host == "::1" || (numbers && host.starts_with("127."));
}

bool is_from_own_page(const ServerRequest& head) {
  if (head.count("origin") == 0) return true;
  const auto origin = head.header("origin");
  const auto host = head.header("host");
  if (!origin || !host) return false;
  const std::string lower = ascii_lower(*origin);
  const auto scheme = lower.find("://");
  return scheme != std::string::npos && lower.substr(scheme + 3) == ascii_lower(*host);
}

}  // namespace holisafe::http
