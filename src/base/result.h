// Result<T>: a value or an Error. Functions that take input from outside return one; nobody may ignore it.
//
//   Result<Image> image = decode(bytes, limits);
//   if (!image) return fail(image.error());
//   use(*image);
#pragma once

#include <tl/expected.hpp>
#include <utility>

#include "base/error.h"

namespace holisafe {

template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

/// Makes the error side of a Result.
inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }
inline tl::unexpected<Error> fail(ErrorKind kind, std::string what, std::string where = {},
                                  std::string detail = {}) {
  return fail(Error{kind, std::move(what), std::move(where), std::move(detail)});
}

}  // namespace holisafe
// NOLINTBEGIN(bugprone-macro-parentheses): a declaration and a new name have none
/// Evaluates a Result; returns its error from the calling function, or binds its value: HOLISAFE_TRY(auto
/// image, decode(bytes));
#define HOLISAFE_CONCAT_INNER(a, b) a##b
#define HOLISAFE_CONCAT(a, b) HOLISAFE_CONCAT_INNER(a, b)
#define HOLISAFE_TRY(declaration, expression) \
  HOLISAFE_TRY_IMPL(declaration, expression, HOLISAFE_CONCAT(holisafe_result_, __LINE__))
#define HOLISAFE_TRY_IMPL(declaration, expression, result)         \
  auto result = (expression);                                      \
  if (!result) return ::holisafe::fail(std::move(result).error()); \
  declaration = *std::move(result)
// NOLINTEND(bugprone-macro-parentheses)
/// The same for Result<void>.
#define HOLISAFE_CHECK(expression)                                \
  do {                                                            \
    if (auto holisafe_check = (expression); !holisafe_check)      \
      return ::holisafe::fail(std::move(holisafe_check).error()); \
  } while (false)
