#include "engine/file_verdicts.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace holisafe::engine {
namespace {

/// Pushes files into a judge on a thread of its own, since the next one's name may be long in coming.
class Drawing {
 public:
  Drawing(EngineJudge& judge, const PictureFiles& files)
      : judge_(judge), thread_([this, &files] { draw(files); }) {}
  Drawing(const Drawing&) = delete;
  Drawing& operator=(const Drawing&) = delete;
  ~Drawing() {
    judge_.close();
    thread_.join();
  }

  /// 0 until all were drawn.
  [[nodiscard]] std::uint64_t total() const { return total_; }

 private:
  void draw(const PictureFiles& files) {
    std::uint64_t drawn = 0;
    while (judge_.wait_for_room()) {
      auto file = files();
      if (!file) {
        total_ = drawn;
        return judge_.end();
      }
      ++drawn;
      if (file->error) {
        judge_.push(std::move(file->path), *std::move(file->error));
      } else {
        judge_.push(chat::Image{std::move(file->path), nullptr});
      }
    }
  }

  EngineJudge& judge_;
  std::atomic<std::uint64_t> total_ = 0;
  std::thread thread_;
};

}  // namespace

void verdicts_of_files(EngineJudge& judge, const PictureFiles& files, const std::atomic<std::uint64_t>* total,
                       const OnFileVerdict& on_verdict, Progress* progress, const StopFlag& stop) {
  const Drawing drawing(judge, files);
  std::uint64_t done = 0;
  const auto known_total = [&]() -> std::uint64_t {
    if (drawing.total() > 0 || total == nullptr) return drawing.total();
    const std::uint64_t told = *total;
    return told == 0 ? 0 : std::max(told, done);
  };
  while (const auto judged = judge.next(stop)) {
    on_verdict(*judged);
    ++done;
    if (progress != nullptr) progress->update(done, known_total(), "");
  }
}

}  // namespace holisafe::engine
