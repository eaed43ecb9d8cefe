#include "construction/asker_spec.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include <fmt/format.h>

#include "ask/endpoint.h"
#include "base/text.h"

namespace holisafe::construction {
namespace {

constexpr std::string_view guard_word = "guard";

tl::unexpected<Error> bad_asker(std::string_view flag, std::string_view text, std::string_view expected) {
  return fail(ErrorKind::usage, "bad model to ask", std::string(flag),
              fmt::format("expected {}, found {}", expected, text));
}

/// Where the address begins that a model's name is followed by; the text's end where there is none.
std::size_t address_at(std::string_view text) {
  for (const std::string_view mark : {"@http://", "@https://"}) {
    if (const auto at = text.find(mark); at != std::string_view::npos) return at;
  }
  return text.size();
}

}  // namespace

std::string AskerSpec::name() const {
  if (!is_guard()) return fmt::format("{}:{}", provider->name, model);
  std::error_code code;
  auto folder = std::filesystem::weakly_canonical(guard_folder, code);
  if (code) folder = guard_folder;
  return fmt::format("{}:{}", guard_word,
                     (folder.has_filename() ? folder.filename() : folder.parent_path().filename()).string());
}

Result<AskerSpec> parse_asker(std::string_view text, std::string_view flag, bool may_be_guard) {
  const std::string usual =
      fmt::format("PROVIDER:MODEL or PROVIDER:MODEL@URL{} (PROVIDER: {})",
                  may_be_guard ? " or guard:DIR" : "", fmt::join(ask::provider_names(), ", "));
  if (!is_utf8(text)) return bad_asker(flag, "other bytes", "UTF-8");
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon + 1 == text.size()) return bad_asker(flag, text, usual);
  const auto kind = text.substr(0, colon);
  std::string_view rest = text.substr(colon + 1);
  AskerSpec out;
  if (kind == guard_word) {
    if (!may_be_guard) return bad_asker(flag, text, usual);
    out.guard_folder = rest;
    return out;
  }
  out.provider = ask::find_provider(kind);
  if (out.provider == nullptr) return bad_asker(flag, text, usual);
  const auto at = address_at(rest);
  out.model = rest.substr(0, at);
  if (at < rest.size()) out.url = rest.substr(at + 1);
  if (out.model.empty()) return bad_asker(flag, text, usual);
  // A name of a model may hold an @, but nothing like 127.0.0.1:8000/v1 behind it.
  if (const auto mark = out.model.find('@');
      mark != std::string::npos && out.model.find('/', mark) != std::string::npos) {
    return bad_asker(flag, text, "http:// or https:// behind the @");
  }
  HOLISAFE_CHECK(ask::address_of(*out.provider, out.url));
  return out;
}

Result<void> require_different(std::span<const AskerSpec> askers, std::string_view flag) {
  std::set<std::string> names;
  for (const AskerSpec& asker : askers) {
    if (!names.insert(asker.name()).second)
      return bad_asker(flag, fmt::format("{} twice", asker.name()), "different models");
  }
  return {};
}

}  // namespace holisafe::construction
