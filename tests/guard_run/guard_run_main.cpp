// Makes a guard run without a model, for tests of what is done with one: a picture's verdict is drawn from
// its bytes.
//
//   guard_run RUN SEED THRESHOLD PATH…
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/hash.h"
#include "image/image.h"
#include "moderation/run_page.h"
#include "runs/guard_run.h"

namespace {

using namespace holisafe;

class DrawingJudge final : public verdicts::PictureJudge {
 public:
  explicit DrawingJudge(std::string seed) : seed_(std::move(seed)) {}

  [[nodiscard]] verdicts::JudgeFacts facts() const override {
    return {"base", "drawn", "drawn", "projector", 1, {}};
  }

  void push(chat::Image picture) override { pictures_.push_back(std::move(picture)); }
  [[nodiscard]] std::size_t waiting() const override { return pictures_.size(); }
  std::optional<verdicts::JudgedPicture> next(const StopFlag& /*stop*/) override {
    const chat::Image picture = std::move(pictures_.front());
    pictures_.pop_front();
    const std::string name = picture.file.string();
    const auto decoded = image::load(picture.file, picture.bytes.get(), {});
    if (!decoded) return verdicts::JudgedPicture{name, fail(decoded.error()), 0, 0, {}};
    const taxonomy::Verdict drawn = draw(*picture.bytes);
    const auto unsafe = static_cast<float>(1 - drawn.scores[0]);
    return verdicts::JudgedPicture{name, drawn, decoded->width, decoded->height, {unsafe}};
  }

 private:
  [[nodiscard]] taxonomy::Verdict draw(const std::string& bytes) const {
    const Digest digest = sha256(seed_ + bytes);
    std::seed_seq seeds(reinterpret_cast<const unsigned char*>(digest.data()),
                        reinterpret_cast<const unsigned char*>(digest.data()) + digest.size());
    std::mt19937 random(seeds);
    taxonomy::Verdict out;
    const double unsafe = static_cast<double>(random() % 1000) / 1000;
    const std::size_t harm = 1 + random() % (taxonomy::class_count - 1);
    out.scores[0] = 1 - unsafe;
    out.scores[harm] = unsafe;
    out.label = unsafe > 0.5 ? harm : 0;
    return out;
  }

  std::string seed_;
  std::deque<chat::Image> pictures_;
};

Result<runs::GuardRunEnd> make(const std::string& run, const std::string& seed, double threshold,
                               const std::vector<std::string>& paths) {
  runs::GuardRunSettings settings;
  settings.folder = run;
  settings.model.model = "model";  // what the run says it is made from
  settings.threshold.unsafe = threshold;
  std::vector<image::PictureTree> trees;
  for (const std::string& path : paths) {
    if (!std::filesystem::is_directory(path)) continue;
    settings.trees.push_back(path);
    trees.emplace_back(path);
  }
  std::size_t tree = 0;
  std::size_t file = 0;
  settings.source = [&]() -> std::optional<image::PictureTree::Found> {
    for (; tree < trees.size(); ++tree) {
      if (auto found = trees[tree].next()) return found;
    }
    while (file < paths.size()) {
      const std::string& path = paths[file++];
      if (!std::filesystem::is_directory(path)) return image::PictureTree::Found{path, std::nullopt};
    }
    return std::nullopt;
  };
  settings.open_judge = [&seed]() -> Result<std::unique_ptr<verdicts::PictureJudge>> {
    return std::make_unique<DrawingJudge>(seed);
  };
  settings.write_page = [](const verdicts::GuardStore& store) {
    return moderation::write_run_page(store, {.version = "of tests"});
  };
  runs::GuardSummary so_far;
  const StopFlag stop;
  return runs::run_guard(std::move(settings), so_far, nullptr, stop);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 2;
  const auto end = make(argv[1], argv[2], std::strtod(argv[3], nullptr), {argv + 4, argv + argc});
  if (end) return 0;
  fmt::print(stderr, "{}\n", end.error().message());
  return 2;
}
