#include "cli/last_words.h"
#include "cli/program.h"

int main(int argc, char** argv) {
  holisafe::cli::prepare_process();
  return holisafe::cli::run(argc, argv);
}
