// Where LibTorch's exceptions stop.
#pragma once

#include <exception>
#include <new>
#include <string>
#include <utility>

#include <c10/util/Exception.h>

#include "base/error.h"
#include "base/result.h"

namespace holisafe::engine {

/// What LibTorch threw, on one line: out_of_memory where an allocation failed, else internal.
Error torch_error(const std::string& what, const c10::Error& error);

/// Runs `work`, which gives a Result; an exception becomes its error, about `what`.
template <class Work>
auto within_boundary(const std::string& what, Work&& work) -> decltype(work()) {
  try {
    return std::forward<Work>(work)();
  } catch (const c10::Error& error) {
    return fail(torch_error(what, error));
  } catch (const std::bad_alloc&) {
    return fail(ErrorKind::out_of_memory, what, "", "not enough memory");
  } catch (const std::exception& error) {
    return fail(ErrorKind::internal, what, "", error.what());
  }
}

}  // namespace holisafe::engine
