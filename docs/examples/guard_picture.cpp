// Says which harm class a picture belongs to: guard_picture MODEL PICTURE
#include <iostream>
#include <utility>

#include <holisafe/engine/picture_judge.h>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: guard_picture MODEL PICTURE\n";
    return 2;
  }
  auto engine = holisafe::engine::open_engine({.model = argv[1]});
  if (!engine) {  // no checkpoint, one without a guard's weights that fit, not enough memory, …
    std::cerr << engine.error().message() << "\n";
    return 2;
  }
  const auto judge = holisafe::engine::EngineJudge::make(*std::move(engine), {}, argv[1]);
  if (!judge) {  // no guard in this checkpoint
    std::cerr << judge.error().message() << "\n";
    return 2;
  }
  (*judge)->push(
      {.file = argv[2]});  // as many as are at hand: they are decoded ahead, and come back in their order
  const auto judged = (*judge)->next(holisafe::StopFlag());
  if (!judged->verdict) {  // not there, damaged, of a format that is not read, too large, …
    std::cerr << judged->verdict.error().message() << "\n";
    return 2;
  }
  const holisafe::taxonomy::Verdict& verdict = *judged->verdict;
  std::cout << holisafe::taxonomy::classes()[verdict.label].name << " " << verdict.score() << ", unsafe "
            << verdict.unsafe() << "\n";
  return verdict.unsafe() >= 0.5 ? 1 : 0;
}
