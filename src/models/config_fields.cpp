#include "models/config_fields.h"

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

namespace holisafe::models {

ConfigFields::ConfigFields(nlohmann::json object, std::string where)
    : ConfigFields(std::move(object), std::move(where), "", std::make_shared<Problem>()) {}

ConfigFields::ConfigFields(nlohmann::json object, std::string where, std::string path,
                           std::shared_ptr<Problem> problem)
    : object_(std::move(object)),
      where_(std::move(where)),
      path_(std::move(path)),
      problem_(std::move(problem)) {
  if (object_.is_null()) object_ = nlohmann::json::object();
  if (!object_.is_object()) {
    const std::string name = path_.empty() ? "" : path_.substr(0, path_.size() - 1);
    path_.clear();
    const std::string found = object_.type_name();
    object_ = nlohmann::json::object();
    reject(ErrorKind::wrong_type, name, "expected an object, found " + found);
  }
}

bool ConfigFields::has(const std::string& key) const {
  const auto found = object_.find(key);
  return found != object_.end() && !found->is_null();
}

nlohmann::json ConfigFields::value(const std::string& key) const {
  return has(key) ? object_.at(key) : nlohmann::json();
}

ConfigFields ConfigFields::object(const std::string& key) const {
  return {value(key), where_, path_ + key + ".", problem_};
}

std::int64_t ConfigFields::integer(const std::string& key, std::int64_t fallback, std::int64_t least,
                                   std::int64_t most) const {
  if (!has(key)) return fallback;
  const auto& found = object_.at(key);
  if (!found.is_number_integer()) {
    reject(ErrorKind::wrong_type, key, "expected an integer, found " + found.dump());
    return fallback;
  }
  const bool fits =
      !found.is_number_unsigned() || found.get<std::uint64_t>() <= static_cast<std::uint64_t>(most);
  if (!fits || found.get<std::int64_t>() < least || found.get<std::int64_t>() > most) {
    reject(ErrorKind::out_of_range, key,
           "expected " + std::to_string(least) + " to " + std::to_string(most) + ", found " + found.dump());
    return fallback;
  }
  return found.get<std::int64_t>();
}

double ConfigFields::number(const std::string& key, double fallback) const {
  if (!has(key)) return fallback;
  const auto& found = object_.at(key);
  if (!found.is_number()) {
    reject(ErrorKind::wrong_type, key, "expected a number, found " + found.dump());
    return fallback;
  }
  if (!std::isfinite(found.get<double>())) reject(ErrorKind::out_of_range, key, "expected a finite number");
  return found.get<double>();
}

bool ConfigFields::flag(const std::string& key, bool fallback) const {
  if (!has(key)) return fallback;
  const auto& found = object_.at(key);
  if (found.is_boolean()) return found.get<bool>();
  reject(ErrorKind::wrong_type, key, "expected true or false, found " + found.dump());
  return fallback;
}

std::string ConfigFields::text(const std::string& key, const std::string& fallback) const {
  if (!has(key)) return fallback;
  const auto& found = object_.at(key);
  if (found.is_string()) return found.get<std::string>();
  reject(ErrorKind::wrong_type, key, "expected text, found " + found.dump());
  return fallback;
}

std::vector<std::int64_t> ConfigFields::integers(const std::string& key,
                                                 std::vector<std::int64_t> fallback) const {
  if (!has(key)) return fallback;
  const auto& found = object_.at(key);
  if (found.is_number_integer()) return {found.get<std::int64_t>()};
  std::vector<std::int64_t> out;
  for (const auto& item : found.is_array() ? found : nlohmann::json::array({nullptr})) {
    if (!item.is_number_integer()) {
      reject(ErrorKind::wrong_type, key, "expected integers, found " + found.dump());
      return fallback;
    }
    out.push_back(item.get<std::int64_t>());
  }
  return out;
}

std::array<float, 3> ConfigFields::colours(const std::string& key, std::array<float, 3> fallback) const {
  if (!has(key)) return fallback;
  const auto& found = object_.at(key);
  std::array<float, 3> out{};
  bool good = found.is_array() && found.size() == out.size();
  for (std::size_t i = 0; good && i < out.size(); ++i) {
    good = found[i].is_number();
    if (good) out[i] = found[i].get<float>();
  }
  if (!good) reject(ErrorKind::wrong_type, key, "expected three numbers, found " + found.dump());
  return good ? out : fallback;
}

void ConfigFields::reject(ErrorKind kind, const std::string& key, std::string detail) const {
  if (!problem_->first) {
    problem_->first = Error{kind, "cannot use checkpoint", where_ + ": " + path_ + key, std::move(detail)};
  }
}

Result<void> ConfigFields::check() const {
  if (problem_->first) return fail(*problem_->first);
  return {};
}

std::string model_type(const nlohmann::json& config) {
  if (!config.is_object()) return {};
  const auto found = config.find("model_type");
  return found != config.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace holisafe::models
