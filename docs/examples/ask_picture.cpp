// Puts questions about a picture to a model, all at once: ask_picture MODEL PICTURE QUESTION...
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include <holisafe/engine/executor.h>
#include <holisafe/schedule/scheduler.h>

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: ask_picture MODEL PICTURE QUESTION...\n";
    return 2;
  }
  auto engine = holisafe::engine::open_engine({.model = argv[1]});
  if (!engine) {
    std::cerr << engine.error().message() << "\n";
    return 2;
  }
  holisafe::schedule::Limits limits;
  limits.sequences = 8;                           // under way at once
  limits.queue = static_cast<std::size_t>(argc);  // waiting beside them
  limits.cache_bytes = std::uint64_t{2} << 30;    // for keys and values: the picture's are held once
  holisafe::schedule::Scheduler scheduler(
      std::make_shared<holisafe::engine::ModelExecutor>(*std::move(engine), holisafe::image::DecodeOptions()),
      limits);
  for (int i = 3; i < argc; ++i) {
    holisafe::chat::Generation how;
    how.max_new_tokens = 64;
    scheduler.submit(
        i, holisafe::chat::question_of({holisafe::chat::Image{.file = argv[2]}, std::string(argv[i])}, how));
  }
  int code = 0;
  while (scheduler.pending() > 0) {
    for (const auto& [key, reply] : scheduler.poll(std::chrono::milliseconds(100))) {  // as they end
      if (!reply) {  // the picture cannot be read, the question is longer than the model's context, …
        std::cerr << reply.error().message() << "\n";
        code = 2;
        continue;
      }
      std::cout << argv[key] << " " << reply->text << "\n";
      if (reply->verdict)
        std::cout << "  the picture is unsafe with probability " << reply->verdict->unsafe() << "\n";
    }
  }
  return code;
}
