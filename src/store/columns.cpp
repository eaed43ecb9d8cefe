#include "store/columns.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/text.h"

namespace holisafe::store {
namespace {

using Json = nlohmann::json;

/// As deep as rows of a benchmark may be (dataset/json_fault.h).
constexpr std::size_t deepest_row = 1024;

std::string_view name_of(ColumnKind kind) {
  switch (kind) {
    case ColumnKind::null:
      return "nothing";
    case ColumnKind::integer:
      return "an integer";
    case ColumnKind::real:
      return "a number with a fraction";
    case ColumnKind::text:
      return "text";
    case ColumnKind::blob:
      return "bytes";
  }
  return "something else";
}

}  // namespace

Error Columns::damaged(std::string_view name, std::string_view expected) const {
  constexpr std::size_t most_shown = 60;
  const int column = column_ - 1;
  const ColumnKind kind = statement_.kind(column);
  std::string found(name_of(kind));
  if (kind == ColumnKind::integer) found = fmt::format("{}", statement_.integer(column));
  if (kind == ColumnKind::text) {
    const std::string_view text = statement_.text(column);
    found = fmt::format("\"{}{}\"", as_utf8(text.substr(0, most_shown)), text.size() > most_shown ? "…" : "");
  }
  return {ErrorKind::malformed, "damaged run store",
          fmt::format("{}: {}.{}{}", statement_.where(), table_, name,
                      position_ ? fmt::format(" of row {}", *position_ + 1) : ""),
          fmt::format("expected {}, found {}", expected, found)};
}

Result<void> Columns::integer(std::string_view name, std::int64_t least, std::int64_t most,
                              std::int64_t& out) {
  const int column = column_++;
  if (statement_.kind(column) == ColumnKind::integer) {
    out = statement_.integer(column);
    if (out >= least && out <= most) return {};
  }
  return fail(damaged(name, most == largest_integer ? fmt::format("an integer from {}", least)
                                                    : fmt::format("an integer from {} to {}", least, most)));
}

Result<void> Columns::integer_or_null(std::string_view name, std::int64_t least, std::int64_t most,
                                      std::optional<std::int64_t>& out) {
  if (statement_.is_null(column_)) {
    ++column_;
    out.reset();
    return {};
  }
  return integer(name, least, most, out.emplace());
}

Result<void> Columns::number_or_null(std::string_view name, std::optional<double>& out) {
  const int column = column_++;
  out.reset();
  const ColumnKind kind = statement_.kind(column);
  if (kind == ColumnKind::null) return {};
  if (kind == ColumnKind::real || kind == ColumnKind::integer) out = statement_.real(column);
  if (out && std::isfinite(*out)) return {};
  return fail(damaged(name, "a finite number"));
}

Result<void> Columns::text(std::string_view name, std::string_view& out) {
  const int column = column_++;
  if (statement_.kind(column) != ColumnKind::text) return fail(damaged(name, "text"));
  out = statement_.text(column);
  if (!is_utf8(out)) return fail(damaged(name, "text in UTF-8"));
  return {};
}

Result<void> Columns::text(std::string_view name, std::string& out) {
  std::string_view view;
  HOLISAFE_CHECK(text(name, view));
  out = view;
  return {};
}

Result<void> Columns::bytes(std::string_view name, std::string_view& out) {
  const int column = column_++;
  if (statement_.kind(column) != ColumnKind::blob) return fail(damaged(name, "bytes"));
  out = statement_.text(column);
  return {};
}

Result<void> Columns::bytes_or_null(std::string_view name, std::size_t count,
                                    std::optional<std::string_view>& out) {
  if (statement_.is_null(column_)) {
    ++column_;
    out.reset();
    return {};
  }
  HOLISAFE_CHECK(bytes(name, out.emplace()));
  return out->size() == count ? Result<void>() : fail(damaged(name, fmt::format("{} bytes", count)));
}

Result<void> Columns::text_or_null(std::string_view name, std::optional<std::string>& out) {
  if (!statement_.is_null(column_)) return text(name, out.emplace());
  ++column_;
  out.reset();
  return {};
}

Result<void> Columns::json_or_null(std::string_view name, std::size_t deepest, Json& out) {
  out = Json(Json::value_t::discarded);
  if (statement_.is_null(column_)) {
    ++column_;
    return {};
  }
  std::string_view written;
  HOLISAFE_CHECK(text(name, written));
  if (!nests_deeper(written, deepest)) out = Json::parse(written, nullptr, false);
  if (out.is_discarded()) return fail(damaged(name, "JSON"));
  return {};
}

Result<void> Columns::object_text(std::string_view name, std::string& out) {
  std::string_view written;
  HOLISAFE_CHECK(text(name, written));
  if (!written.starts_with('{') || nests_deeper(written, deepest_row) || !Json::accept(written))
    return fail(damaged(name, "a JSON object"));
  out = written;
  return {};
}

}  // namespace holisafe::store
