// Precompiled for the tests of the layers without LibTorch.
#pragma once
#include <nlohmann/json.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
