// What a review page shows, and who takes what a person decided on it.
//
// A source has lists of rows ("pairs", "images"), the rows' pictures, and decisions. It knows what they mean;
// the service in front of it (service.h) knows HTTP, and who may ask.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

#include "base/result.h"
#include "http/query.h"

namespace holisafe::review {

using Json = nlohmann::ordered_json;

/// Why something is not given, or not taken.
struct Fault {
  enum class Kind {
    unusable,  ///< it cannot be asked so; `error.where` is the parameter or member at fault, if one is
    unknown,   ///< no such list, row or picture
    failed,    ///< here
  } kind = Kind::failed;
  Error error;

  Fault(Kind kind_, Error error_) : kind(kind_), error(std::move(error_)) {}
  Fault(Error error_)
      : error(std::move(error_)) {}  // NOLINT(google-explicit-constructor): as HOLISAFE_TRY needs it
};

template <class T>
using Answer = tl::expected<T, Fault>;

inline tl::unexpected<Fault> unusable(ErrorKind kind, std::string field, std::string detail) {
  return tl::unexpected<Fault>(
      Fault{Fault::Kind::unusable, {kind, "cannot be used", std::move(field), std::move(detail)}});
}
inline tl::unexpected<Fault> unknown(std::string what, std::string where = {}) {
  return tl::unexpected<Fault>(
      Fault{Fault::Kind::unknown, {ErrorKind::not_found, std::move(what), std::move(where), {}}});
}

struct Picture {
  std::string bytes;
  std::string mime_type;
};

/// Called by one thread at a time.
class Source {
 public:
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual ~Source() = default;

  /// What the page asks first: `title`, `reviewer` (who decides where nobody says so), `lists` (of each list
  /// its states, each `{"state", "left"}`), `types`, `classes` (`{"name", "category"}`).
  virtual Answer<Json> about() = 0;
  /// Rows of a list, `{"left", LIST: […]}`: which of them and how many say the parameters.
  virtual Answer<Json> rows(std::string_view list, const http::Query& parameters) = 0;
  virtual Answer<Picture> picture(std::int64_t id) = 0;
  /// Takes a decision, a JSON object, and gives the row as it is now. It is on disk when this returns.
  virtual Answer<Json> decide(std::string_view decision) = 0;
};

}  // namespace holisafe::review
namespace holisafe {

/// So that HOLISAFE_TRY takes an Answer too.
inline tl::unexpected<review::Fault> fail(review::Fault fault) {
  return tl::unexpected<review::Fault>(std::move(fault));
}

}  // namespace holisafe
