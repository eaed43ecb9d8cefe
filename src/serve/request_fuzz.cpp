#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "serve/request.h"

// The first byte names the reader, and whether addresses are fetched; the rest is a request's body.
namespace {

using namespace holisafe::serve;

void check_fault(const Fault& fault) {
  if (status_of(fault.code) != 400 && status_of(fault.code) != 413) std::abort();
  if (fault.message.empty() || fault.message.size() > 4096) std::abort();
  if (!Json::accept(to_json(fault))) std::abort();
}

/// What is read is what any parser reads.
void check_body(std::string_view body) {
  const auto found = parse_body(body);
  if (!found) return check_fault(found.error());
  if (*found != Json::parse(body, nullptr, false)) std::abort();
}

void check_images(const std::vector<RequestImage>& images, const RequestLimits& limits) {
  if (images.size() > limits.max_images) std::abort();
  for (const RequestImage& image : images) {
    if (image.param.empty() || (image.bytes == nullptr) == image.url.empty()) std::abort();
    if (image.bytes == nullptr && !limits.fetches_urls) std::abort();
    if (image.bytes != nullptr && image.bytes->size() > limits.max_image_bytes) std::abort();
  }
}

void check_local(std::string_view body, const RequestLimits& limits) {
  const auto found = read_chat(body, limits);
  if (!found) return check_fault(found.error());
  check_images(found->images, limits);
  const auto& turns = found->conversation.turns;
  if (turns.empty() || turns.size() % 2 == 0) std::abort();
  for (std::size_t i = 0; i < turns.size(); ++i) {
    const bool user = turns[i].role == holisafe::chat::Role::user;
    if (user != (i % 2 == 0) || turns[i].parts.empty() || (!user && turns[i].images() > 0)) std::abort();
  }
  const auto images = found->conversation.images();
  if (images.size() != found->images.size()) std::abort();
  for (std::size_t i = 0; i < images.size(); ++i) {
    if (images[i]->bytes != found->images[i].bytes) std::abort();
  }
  const auto& how = found->how;
  if (how.max_new_tokens < 1 || how.max_new_tokens > limits.max_new_tokens) std::abort();
  if (!(how.temperature >= 0 && how.temperature <= 2 && how.top_p > 0 && how.top_p <= 1)) std::abort();
}

/// What goes up reads again as the same, with the pictures that were judged and no other.
void check_upstream(std::string_view body, const RequestLimits& limits) {
  const auto found = read_chat_for_upstream(body, limits, {"extra"});
  if (!found) return check_fault(found.error());
  check_images(found->images, limits);
  std::vector<std::string> urls;
  for (std::size_t i = 0; i < found->images.size(); ++i)
    urls.push_back("data:image/gif;base64,R0lGODlh" + std::string(4 * i, 'A'));
  RequestLimits strict = limits;
  strict.fetches_urls = false;
  const std::string sent = with_images(*found, urls).dump();
  const auto again = read_chat_for_upstream(sent, strict, {"extra"});
  if (!again || again->images.size() != found->images.size() || again->document != found->document)
    std::abort();
  if (again->stream != found->stream || again->model != found->model || again->blocks_flagged) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  RequestLimits limits;
  limits.max_images = 3;
  limits.max_image_bytes = 64;
  limits.fetches_urls = (data[0] & 4U) != 0;
  check_body(body);
  switch (data[0] & 3U) {
    case 0:
      check_local(body, limits);
      break;
    case 1:
      check_upstream(body, limits);
      break;
    case 2:
      if (const auto found = read_moderation(body, limits)) {
        check_images(found->images, limits);
      } else {
        check_fault(found.error());
      }
      break;
    default:
      if (const auto found = read_guardrail(body, limits)) {
        check_images(found->images, limits);
      } else {
        check_fault(found.error());
      }
  }
  return 0;
}
