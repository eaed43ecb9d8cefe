#include <iostream>

#include <holisafe/base/file.h>
#include <holisafe/image/image.h>

#include "base/result.h"
#include "image/image.h"

int main(int, char** argv) {
  const auto text = holisafe::read_file(argv[0]);
  const auto image = holisafe::image::decode({}, {}, "nothing");
  std::cout << "holisafe " << (text && !text->empty() && !image ? consumer::word() : "fails") << "\n";
  return text ? 0 : 1;
}
