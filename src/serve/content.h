// What chats of both modes share: messages' content, and members that the service itself obeys.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "serve/members.h"
#include "serve/request.h"

namespace holisafe::serve {

/// A request's images in their order.
class ImageList {
 public:
  explicit ImageList(const RequestLimits& limits) : limits_(limits) {}

  /// Faults: too_many_images, and those of read_image_url().
  Answer<void> add(std::string_view url, std::string param, std::size_t message = 0, std::size_t part = 0);
  [[nodiscard]] const std::vector<RequestImage>& images() const { return images_; }
  [[nodiscard]] std::vector<RequestImage> take() && { return std::move(images_); }

 private:
  const RequestLimits& limits_;
  std::vector<RequestImage> images_;
};

/// The address in a part {type: "image_url", image_url: {url, detail?}}, and where it stands.
struct ImageAddress {
  std::string_view url;
  std::string param;
};
Answer<ImageAddress> image_address(const Members& part);

/// A text, or the place of an image among the request's.
using ContentPart = std::variant<std::string_view, std::size_t>;

/// Where a content stands, and what it may hold.
struct ContentPlace {
  std::string path;         ///< `messages[0].content`
  std::size_t message = 0;  ///< its index
  bool refusals = false;    ///< parts {type: "refusal", refusal} are texts too
};
/// A text, or a list of parts text and image_url (nothing else: it may be a picture nobody judged). The texts
/// are the content's own. Faults: invalid_type, invalid_value, missing_required_parameter,
/// unsupported_content, those of ImageList::add().
Answer<std::vector<ContentPart>> read_content(const Json& content, const ContentPlace& place,
                                              ImageList& images);

/// `messages`: a list with something in it.
Answer<const Json*> messages_of(const Members& request);

/// model (empty where left out), stream, include_usage, blocks_flagged.
Answer<void> read_ours(const Members& request, ChatRequest& out);

}  // namespace holisafe::serve
