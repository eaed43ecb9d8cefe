#include "http/transfer.h"

#include <algorithm>
#include <string_view>

#include "base/text.h"

namespace holisafe::http {

void Transfer::end_try() {
  if (easy != nullptr) ::curl_easy_cleanup(easy);
  easy = nullptr;
  headers.clear();
}

std::size_t Transfer::on_body(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::size_t bytes = size * count;
  if (transfer.response.body.size() + bytes > transfer.max_body) {
    transfer.over_limit = true;
    return 0;
  }
  transfer.response.body.append(data, bytes);
  return bytes;
}

std::size_t Transfer::on_header(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  auto& headers = transfer.response.headers;
  std::string_view line(data, size * count);
  transfer.header_bytes += line.size();
  if (transfer.header_bytes > transfer.max_header_bytes) return 0;
  if (line.starts_with("HTTP/")) headers.clear();
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return size * count;
  std::string name = ascii_lower(line.substr(0, colon));
  line.remove_prefix(colon + 1);
  const auto first = line.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return size * count;
  headers.emplace_back(std::move(name), line.substr(first, line.find_last_not_of(" \t\r\n") + 1 - first));
  return size * count;
}

std::size_t Transfer::on_send(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::size_t bytes = std::min(size * count, transfer.request.body.size() - transfer.body_sent);
  std::copy_n(transfer.request.body.data() + transfer.body_sent, bytes, data);
  transfer.body_sent += bytes;
  return bytes;
}

}  // namespace holisafe::http
