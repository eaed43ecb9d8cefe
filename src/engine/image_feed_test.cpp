#include "engine/image_feed.h"

#include <atomic>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "models/registry/registry.h"

namespace holisafe::engine {
namespace {

namespace fs = std::filesystem;

class ImageFeeds : public testing::Test {
 protected:
  static fs::path root() {
    return fs::temp_directory_path() / ("holisafe_feed_" + std::to_string(::getpid()));
  }

  static void SetUpTestSuite() {
    fs::create_directories(root());
    ASSERT_TRUE(models::families().front().synth({"tiny", 1, root() / "model", true, {}}));
    const image::Image grey{8, 8, std::vector<std::uint8_t>(192, 100)};
    ASSERT_TRUE(write_file_atomic(root() / "grey.png", image::encode_png(grey).value()));
    engine_ = std::make_unique<Engine>(Engine::open({root() / "model", {}, {}, {}}).value());
  }
  static void TearDownTestSuite() {
    engine_.reset();
    fs::remove_all(root());
  }

  /// `count` paths: every fifth does not exist, every seventh comes with an error; says how many were drawn.
  static ImageFeed::Source source(std::uint64_t count, std::atomic<std::uint64_t>& drawn) {
    return [count, &drawn]() -> std::optional<ImageFeed::Path> {
      const std::uint64_t i = drawn;
      if (i == count) return std::nullopt;
      ++drawn;
      if (i % 7 == 3) return ImageFeed::Path{std::to_string(i), Error{ErrorKind::usage, "seventh", "", ""}};
      const auto link = root() / std::to_string(i);
      if (i % 5 != 2 && !fs::exists(link)) fs::create_symlink(root() / "grey.png", link);
      return ImageFeed::Path{link.string(), std::nullopt};
    };
  }

  static inline std::unique_ptr<Engine> engine_;
};

TEST_F(ImageFeeds, GivesAllInOrderWithTheirErrors) {
  for (const int threads : {1, 4}) {
    std::atomic<std::uint64_t> drawn{0};
    ImageFeed feed(*engine_, source(60, drawn),
                   {.decode = {}, .threads = threads, .ahead = 5, .stop = nullptr});
    std::uint64_t i = 0;
    for (auto item = feed.next(); item; item = feed.next(), ++i) {
      EXPECT_LE(drawn, i + 6) << "no more than 5 wait";
      EXPECT_EQ(fs::path(item->path).filename(), std::to_string(i));
      if (i % 7 == 3) {
        EXPECT_EQ(item->image.error().kind, ErrorKind::usage);
      } else if (i % 5 == 2) {
        EXPECT_EQ(item->image.error().kind, ErrorKind::not_found);
      } else {
        EXPECT_TRUE(item->image);
      }
    }
    EXPECT_EQ(i, 60U);
    EXPECT_FALSE(feed.next());
  }
}

TEST_F(ImageFeeds, StopsWhenAskedAndWhenDropped) {
  std::atomic<std::uint64_t> drawn{0};
  StopFlag stop;
  ImageFeed feed(*engine_, source(1000, drawn), {.decode = {}, .threads = 2, .ahead = 4, .stop = &stop});
  ASSERT_TRUE(feed.next());
  stop.request();
  EXPECT_FALSE(feed.next());
  std::atomic<std::uint64_t> others{0};
  {
    const ImageFeed dropped(*engine_, source(1000, others),
                            {.decode = {}, .threads = 2, .ahead = 4, .stop = nullptr});
  }
  EXPECT_LE(others, 5U);
}

}  // namespace
}  // namespace holisafe::engine
