// A request's headers as libcurl takes them, wiped at their end: one of them may hold a key.
#pragma once

#include <string>

#include <curl/curl.h>

namespace holisafe::http {

class HeaderList {
 public:
  HeaderList() = default;
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  ~HeaderList() { clear(); }

  /// `Name: value`; `Name:` leaves out one that libcurl would send by itself. What is left of the line is
  /// wiped.
  void add(std::string line);
  void clear();
  /// Valid until the next add() or clear(); null where there is none.
  [[nodiscard]] curl_slist* list() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

}  // namespace holisafe::http
