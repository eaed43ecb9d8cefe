// Says which harm class a picture belongs to: guard_picture MODEL PICTURE
#include <iostream>

#include <holisafe/engine/engine.h>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: guard_picture MODEL PICTURE\n";
    return 2;
  }
  const auto engine = holisafe::engine::open_engine({.model = argv[1]});
  if (!engine) {  // no checkpoint, one without a guard's weights that fit, not enough memory, …
    std::cerr << engine.error().message() << "\n";
    return 2;
  }
  const auto image = engine->load({.file = argv[2]}, {});
  if (!image) {  // not there, damaged, of a format that is not read, too large, …
    std::cerr << image.error().message() << "\n";
    return 2;
  }
  const auto verdicts = engine->verdicts({&*image, 1});
  if (!verdicts) {  // no guard in this checkpoint
    std::cerr << verdicts.error().message() << "\n";
    return 2;
  }
  const holisafe::taxonomy::Verdict& verdict = verdicts->front();
  std::cout << holisafe::taxonomy::classes()[verdict.label].name << " " << verdict.score() << ", unsafe "
            << verdict.unsafe() << "\n";
  return verdict.unsafe() >= 0.5 ? 1 : 0;
}
