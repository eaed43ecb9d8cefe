#include "moderation/json_path.h"

#include <nlohmann/json.hpp>

#include "base/hash.h"

namespace holisafe::moderation {

Result<std::string> path_in(const nlohmann::json& object, const std::string& key) {
  const auto bytes = object.find(key + "_bytes");
  const auto text = object.find(key);
  const auto& found = bytes != object.end() ? bytes : text;
  if (found == object.end()) return fail(ErrorKind::missing, "no path", "", "expected a path, found nothing");
  if (!found->is_string()) return fail(ErrorKind::wrong_type, "no path", "", "expected a text");
  std::string path = found->get<std::string>();
  if (bytes != object.end()) {
    auto decoded = from_base64(path);
    if (!decoded) return fail(ErrorKind::malformed, "no path", "", "expected base64 in its _bytes");
    path = *std::move(decoded);
  }
  if (path.empty() || path.find('\0') != std::string::npos)
    return fail(ErrorKind::malformed, "no path", "", "expected at least one byte and no NUL");
  return path;
}

}  // namespace holisafe::moderation
