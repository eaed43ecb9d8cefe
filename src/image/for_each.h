// A loop whose turns are shared out among threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

namespace holisafe::image {

/// Calls work(i) for each i below `count`, in no order, on `threads` threads, this one among them; 0: as many
/// as the machine has. `work` must not throw.
template <class Work>
void for_each_on_threads(std::size_t count, int threads, const Work& work) {
  const std::size_t wanted =
      threads > 0 ? static_cast<std::size_t>(threads) : std::max(1U, std::thread::hardware_concurrency());
  std::atomic<std::size_t> next{0};
  const auto run = [&] {
    std::size_t i = 0;
    while ((i = next.fetch_add(1)) < count) work(i);
  };
  std::vector<std::thread> others;
  for (std::size_t i = 1; i < std::min(wanted, count); ++i) others.emplace_back(run);
  run();
  for (std::thread& thread : others) thread.join();
}

}  // namespace holisafe::image
