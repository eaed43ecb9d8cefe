#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "explain/files.h"
#include "fuzz/input_folder.h"

// The input is a picture's numbers as a run's folder holds them: what is read of it lies in the picture and
// can be put in words.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holisafe;
  static const InputFolder folder("explanation_fuzz");
  const std::string input(reinterpret_cast<const char*>(data), size);
  const auto found = explain::read_explanation(folder.write("000000-a.json", input));
  if (!found) return 0;
  if (found->width <= 0 || found->height <= 0 || found->label == 0) std::abort();
  if (found->box.has_value() != found->without.has_value()) std::abort();
  if (found->box) {
    const explain::Box& box = *found->box;
    if (box.left < 0 || box.right > found->width || box.top < 0 || box.bottom > found->height) std::abort();
    if (box.left >= box.right || box.top >= box.bottom) std::abort();
  }
  if (explain::reason(*found).empty()) std::abort();
  return 0;
}
