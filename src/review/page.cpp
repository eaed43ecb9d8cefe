#include "review/page.h"

#include <string>
#include <string_view>

#include "http/page.h"

namespace holisafe::review {

extern const std::string_view review_html;
extern const std::string_view review_css;
extern const std::string_view row_js;
extern const std::string_view review_js;

namespace {

std::string assembled() {
  std::string out(review_html);
  const auto insert = [&out](std::string_view opening, const std::string& text) {
    out.insert(out.find(opening) + opening.size(), text);
  };
  insert("<style>", std::string(review_css));
  insert("<script>", std::string(row_js) + std::string(review_js));
  return out;
}

}  // namespace

const http::ServerResponse& page() {
  static const http::ServerResponse out = http::page_response(assembled());
  return out;
}

}  // namespace holisafe::review
