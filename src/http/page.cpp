#include "http/page.h"

#include <string>

#include "base/hash.h"

namespace holisafe::http {
namespace {

/// What stands between a page's only <tag> and </tag>, as Content-Security-Policy names it.
std::string source_of(std::string_view page, const std::string& tag) {
  const std::string opening = "<" + tag + ">";
  const auto start = page.find(opening) + opening.size();
  const auto text = page.substr(start, page.find("</" + tag + ">", start) - start);
  return "'sha256-" + base64(sha256(text)) + "'";
}

std::string content_security_policy(std::string_view page) {
  return "default-src 'none'; script-src " + source_of(page, "script") + "; style-src " +
         source_of(page, "style") +
         "; img-src blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors "
         "'none'";
}

}  // namespace

ServerResponse page_response(std::string_view html) {
  ServerResponse out;
  out.headers = {{"Content-Type", "text/html; charset=utf-8"},
                 {"Content-Security-Policy", content_security_policy(html)},
                 {"X-Content-Type-Options", "nosniff"},
                 {"Referrer-Policy", "no-referrer"},
                 {"Cache-Control", "no-cache"}};
  out.body = html;
  return out;
}

}  // namespace holisafe::http
