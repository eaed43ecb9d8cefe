#include <iostream>

#include "base/file.h"

int main(int, char** argv) {
  const auto text = holisafe::read_file(argv[0]);
  std::cout << (text && !text->empty() ? "holisafe works\n" : "holisafe fails\n");
  return text ? 0 : 1;
}
