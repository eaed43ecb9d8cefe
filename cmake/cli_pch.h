// Precompiled for the commands: each declares flags (CLI11) and most print JSON.
#pragma once
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <fmt/format.h>
