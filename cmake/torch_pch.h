// Precompiled for every target that uses LibTorch.
#pragma once
#include <array>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "nn/tensor.h"
