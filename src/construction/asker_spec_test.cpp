#include "construction/asker_spec.h"

#include <gtest/gtest.h>

namespace holisafe::construction {
namespace {

TEST(AskerSpec, ProviderModelAndAddress) {
  const auto plain = parse_asker("openai:gpt-4o", "--writer", false);
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->name(), "openai:gpt-4o");
  EXPECT_EQ(plain->url, "");
  const auto local = parse_asker("openai:org/qwen:7b@http://127.0.0.1:8000/v1", "--writer", false);
  ASSERT_TRUE(local);
  EXPECT_EQ(local->model, "org/qwen:7b");
  EXPECT_EQ(local->url, "http://127.0.0.1:8000/v1");
  EXPECT_EQ(local->name(), "openai:org/qwen:7b");
  EXPECT_EQ(parse_asker("anthropic:claude@20240620", "--checker", false)->model, "claude@20240620");
}

TEST(AskerSpec, Guard) {
  const auto guard = parse_asker("guard:/models/pictograms/", "--labeller", true);
  ASSERT_TRUE(guard);
  EXPECT_TRUE(guard->is_guard());
  EXPECT_EQ(guard->guard_folder, "/models/pictograms/");
  EXPECT_EQ(guard->name(), "guard:pictograms");
  EXPECT_FALSE(parse_asker("guard:/models/pictograms", "--writer", false));
}

TEST(AskerSpec, Bad) {
  for (const char* text :
       {"", "openai", "openai:", "gpt:4", ":m", "openai:@http://127.0.0.1/v1", "openai:m@127.0.0.1:8000/v1",
        "openai:m@http://", "openai:m@http://a:b@c/v1", "guard:", "openai:\xff"}) {
    const auto found = parse_asker(text, "--writer", true);
    ASSERT_FALSE(found) << text;
    EXPECT_EQ(found.error().kind, ErrorKind::usage) << text;
  }
  const std::vector<AskerSpec> twice = {*parse_asker("openai:m", "--writer", false),
                                        *parse_asker("openai:m@http://a/v1", "--writer", false)};
  EXPECT_FALSE(require_different(twice, "--writer"));
  EXPECT_TRUE(require_different(std::span(twice).first(1), "--writer"));
}

}  // namespace
}  // namespace holisafe::construction
