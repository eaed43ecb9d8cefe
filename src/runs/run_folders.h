// The folders that a user names as runs, told apart by what they hold.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace holisafe::runs {

/// The runs that folders are or hold, in their order: a folder that holds a run's store is one; of any other
/// those that lie in it are meant, by name, such as the runs that one command made of several benchmarks. A
/// folder without either stands for itself, so that whoever opens it says what is wrong.
std::vector<std::string> run_folders(std::span<const std::string> folders);

}  // namespace holisafe::runs
