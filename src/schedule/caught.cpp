#include "schedule/caught.h"

#include <exception>
#include <new>
#include <utility>

namespace holisafe::schedule {

Error caught(std::string what) {
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return {ErrorKind::out_of_memory, std::move(what), {}, {}};
  } catch (const std::exception& exception) {
    return {ErrorKind::internal, std::move(what), {}, exception.what()};
  } catch (...) {
    return {ErrorKind::internal, std::move(what), {}, "an exception of no known type"};
  }
}

}  // namespace holisafe::schedule
