#include "checkpoint/fingerprint.h"

#include <algorithm>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

namespace holisafe::checkpoint {
namespace {

namespace fs = std::filesystem;

TEST(Fingerprint, TellsContentsNotPlaces) {
  const fs::path root = fs::temp_directory_path() / ("holisafe_fingerprint_" + std::to_string(::getpid()));
  const auto write = [&](const std::string& name, const std::string& text) {
    fs::create_directories((root / name).parent_path());
    std::ofstream(root / name) << text;
  };
  std::string large(std::size_t{20} << 20U, 'x');
  write("a/config.json", "{}");
  write("a/model.safetensors", large);
  fs::copy(root / "a", root / "b");
  const auto first = *fingerprint(root / "a");
  EXPECT_EQ(*fingerprint(root / "b"), first);
  std::fill(large.begin() + 5'000'000, large.begin() + 5'100'000, 'y');
  write("b/model.safetensors", large);
  EXPECT_NE(*fingerprint(root / "b"), first);
  write("a/empty.txt", "");
  EXPECT_NE(*fingerprint(root / "a"), first);
  EXPECT_EQ(fingerprint(root / "none").error().kind, ErrorKind::not_found);
  fs::remove_all(root);
}

TEST(Fingerprint, OfNamedBytesIsThatOfSuchFiles) {
  const fs::path root = fs::temp_directory_path() / ("holisafe_fingerprint_" + std::to_string(::getpid()));
  const std::string large(std::size_t{17} << 20U, 'z');
  fs::create_directories(root);
  std::ofstream(root / "a") << "one";
  std::ofstream(root / "b") << large;
  EXPECT_EQ(fingerprint({{"a", "one"}, {"b", large}}), *fingerprint(root));
  EXPECT_NE(fingerprint({{"b", "one"}, {"a", large}}), *fingerprint(root));
  fs::remove_all(root);
}

}  // namespace
}  // namespace holisafe::checkpoint
