#include "train/metrics_log.h"

#include <gtest/gtest.h>

#include "base/file.h"

namespace holisafe::train {
namespace {

TEST(MetricsLog, CutsBackToTheStepAResumedRunStartsFrom) {
  const auto path = std::filesystem::path(testing::TempDir()) / "metrics.jsonl";
  {
    auto log = MetricsLog::open(path, 0);
    ASSERT_TRUE(log);
    for (int step = 1; step <= 3; ++step) ASSERT_TRUE(log->append({{"step", step}, {"loss", 0.5}}));
    EXPECT_EQ(read_file(path).value(),
              "{\"step\":1,\"loss\":0.5}\n{\"step\":2,\"loss\":0.5}\n{\"step\":3,\"loss\":0.5}\n");
  }
  {
    auto log = MetricsLog::open(path, 2);
    ASSERT_TRUE(log->append({{"step", 3}}));
  }
  EXPECT_EQ(read_file(path).value(), "{\"step\":1,\"loss\":0.5}\n{\"step\":2,\"loss\":0.5}\n{\"step\":3}\n");
  ASSERT_TRUE(write_file_atomic(path, "{\"step\":1}\n{\"ste"));
  ASSERT_TRUE(MetricsLog::open(path, 5));
  EXPECT_EQ(read_file(path).value(), "{\"step\":1}\n") << "a half line goes";
  ASSERT_TRUE(MetricsLog::open(path, 0));
  EXPECT_EQ(read_file(path).value(), "");
}

TEST(MetricsLog, NamesAFileItCannotWrite) {
  EXPECT_EQ(MetricsLog::open("/nowhere/metrics.jsonl", 0).error().kind, ErrorKind::not_found);
}

}  // namespace
}  // namespace holisafe::train
