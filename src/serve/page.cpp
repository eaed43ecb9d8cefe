#include "serve/page.h"

#include <string_view>

#include "http/page.h"

namespace holisafe::serve {

extern const std::string_view page_html;

http::ServerResponse page() {
  static const http::ServerResponse out = http::page_response(page_html);
  return out;
}

}  // namespace holisafe::serve
