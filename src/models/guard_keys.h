// What a guard inside a checkpoint is called: its tensors, and its keys in config.json.
#pragma once

#include <array>
#include <nlohmann/json.hpp>

#include "taxonomy/taxonomy.h"

namespace holisafe::models::guard_keys {

/// Before the tensors' names, and itself behind any prefix.
inline constexpr const char* head = "img_safety_head.";

inline constexpr const char* categories = "safety_categories";  ///< list of class names
inline constexpr const char* class_count = "num_safety_categories";
inline constexpr const char* hidden_scale = "safety_head_hidden_scale";  ///< share of the model's hidden size
inline constexpr const char* hidden_layers = "safety_num_hidden_layers";
inline constexpr const char* loss_lambda = "safety_loss_lambda";
inline constexpr const char* pooling = "safety_head_pooling";
inline constexpr const char* temperature = "safety_temperature";  ///< these two: of a calibrated guard
inline constexpr const char* thresholds = "safety_thresholds";

inline constexpr std::array all{categories,  class_count, hidden_scale, hidden_layers,
                                loss_lambda, pooling,     temperature,  thresholds};

/// What every guard has in config.json: the taxonomy's classes, and the shape of its MLP.
inline nlohmann::ordered_json of_shape(double scale, std::int64_t layers, double lambda) {
  auto names = nlohmann::ordered_json::array();
  for (const taxonomy::GuardClass& one : taxonomy::classes()) names.push_back(one.name);
  return {{categories, std::move(names)},
          {class_count, taxonomy::class_count},
          {hidden_scale, scale},
          {hidden_layers, layers},
          {loss_lambda, lambda}};
}

}  // namespace holisafe::models::guard_keys
