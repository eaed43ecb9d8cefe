// What transformers computes, for this folder's tests; made by tools/fixtures/qwen2_5_vl.py.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "checkpoint/checkpoint.h"

namespace holisafe::models::qwen2_5_vl {

/// A member of testdata/reference.json; null (every test then fails) if the file cannot be read.
inline nlohmann::json reference(const std::string& member) {
  const auto document =
      checkpoint::read_json(HOLISAFE_SOURCE_DIR "/src/models/qwen2_5_vl/testdata/reference.json");
  return document && document->contains(member) ? document->at(member) : nlohmann::json();
}

}  // namespace holisafe::models::qwen2_5_vl
