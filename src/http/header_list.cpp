#include "http/header_list.h"

#include <cstring>
#include <new>
#include <utility>

namespace holisafe::http {

void HeaderList::add(std::string line) {
  curl_slist* const longer = ::curl_slist_append(list_, line.c_str());
  explicit_bzero(line.data(), line.size());
  if (longer == nullptr) throw std::bad_alloc();
  list_ = longer;
}

void HeaderList::clear() {
  for (curl_slist* each = list_; each != nullptr; each = each->next)
    explicit_bzero(each->data, std::strlen(each->data));
  ::curl_slist_free_all(std::exchange(list_, nullptr));
}

}  // namespace holisafe::http
