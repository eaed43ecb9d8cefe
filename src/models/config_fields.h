// Fields of a checkpoint's JSON files, read with the family's defaults: the released files leave out whatever
// equals its default.
//
//   ConfigFields text = ConfigFields(config, "config.json").object("text_config");
//   c.hidden_size = text.integer("hidden_size", 2304);
//   HOLISAFE_CHECK(text.check());
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace holisafe::models {

/// One JSON object. Reading never fails at once: the first problem of an object and of all objects taken from
/// it is kept for check(). A field that is null counts as absent. Not thread-safe.
class ConfigFields {
 public:
  /// `where` names the file in errors.
  ConfigFields(nlohmann::json object, std::string where);

  [[nodiscard]] bool has(const std::string& key) const;
  /// The object under a key, empty if absent. Its problems are kept here too.
  [[nodiscard]] ConfigFields object(const std::string& key) const;
  /// The value as it is; null if absent.
  [[nodiscard]] nlohmann::json value(const std::string& key) const;

  /// Problems: wrong_type (no integer), out_of_range.
  [[nodiscard]] std::int64_t integer(const std::string& key, std::int64_t fallback, std::int64_t least = 1,
                                     std::int64_t most = std::int64_t{1} << 32) const;
  /// Problems: wrong_type, out_of_range (not finite).
  [[nodiscard]] double number(const std::string& key, double fallback) const;
  [[nodiscard]] bool flag(const std::string& key, bool fallback) const;
  [[nodiscard]] std::string text(const std::string& key, const std::string& fallback) const;
  /// A list of integers, or one integer as a list of it.
  [[nodiscard]] std::vector<std::int64_t> integers(const std::string& key,
                                                   std::vector<std::int64_t> fallback) const;
  /// Three numbers: one a colour channel.
  [[nodiscard]] std::array<float, 3> colours(const std::string& key, std::array<float, 3> fallback) const;

  /// Keeps a problem that the caller found with a field.
  void reject(ErrorKind kind, const std::string& key, std::string detail) const;
  /// The first problem, if there was one.
  [[nodiscard]] Result<void> check() const;

 private:
  struct Problem {
    std::optional<Error> first;
  };
  ConfigFields(nlohmann::json object, std::string where, std::string path, std::shared_ptr<Problem> problem);

  nlohmann::json object_;
  std::string where_;
  std::string path_;  ///< "text_config.", "" at the top
  std::shared_ptr<Problem> problem_;
};

/// A config.json's `model_type`; empty where there is none.
std::string model_type(const nlohmann::json& config);

}  // namespace holisafe::models
