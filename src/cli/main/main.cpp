#include "cli/program.h"

int main(int argc, char** argv) { return holisafe::cli::run(argc, argv); }
