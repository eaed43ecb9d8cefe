#include "http/server_head.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <string_view>
#include <utility>

namespace holisafe::http {
namespace {

constexpr std::array<std::pair<int, std::string_view>, 28> status_reasons = {{
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {411, "Length Required"},
    {413, "Payload Too Large"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Entity"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
}};

std::string_view status_reason(int status) {
  for (const auto& [number, reason] : status_reasons) {
    if (number == status) return reason;
  }
  return "";
}

bool is_of_the_framing(std::string_view name) {
  return name == "content-length" || name == "transfer-encoding" || name == "connection" ||
         name == "keep-alive" || name == "trailer" || name == "upgrade";
}

std::string lower_name(std::string_view name) {
  std::string out(name);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

void append_header_text(std::string& out, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7f ? ' ' : c;
  }
}

std::string date_text() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 40> text{};
  // The program sets no locale, so that names of days are English.
  const std::size_t size = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), size};
}

}  // namespace

bool has_body(int status) { return status >= 200 && status != 204 && status != 304; }

std::string answer_head(int status, const Headers& headers, const Framing& framing) {
  std::string out = "HTTP/1.1 " + std::to_string(status) + ' ';
  out += status_reason(status);
  out += "\r\n";
  bool has_date = false;
  for (const auto& [name, value] : headers) {
    const std::string lower = lower_name(name);
    if (is_of_the_framing(lower)) continue;
    has_date = has_date || lower == "date";
    append_header_text(out, name);
    out += ": ";
    append_header_text(out, value);
    out += "\r\n";
  }
  if (!has_date) out += "Date: " + date_text() + "\r\n";
  if (framing.length && has_body(status))
    out += "Content-Length: " + std::to_string(*framing.length) + "\r\n";
  if (framing.chunked && has_body(status)) out += "Transfer-Encoding: chunked\r\n";
  if (!framing.keeps) out += "Connection: close\r\n";
  if (framing.keeps && !framing.http11) out += "Connection: keep-alive\r\n";
  return out + "\r\n";
}

}  // namespace holisafe::http
