// Decoding and describing the pictures of a build, on all cores.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "construction/work.h"

namespace holisafe::construction {

/// Called with what the user should know. May be empty.
using Warn = std::function<void(const std::string&)>;

/// A picture of fewer pixels a side is `too_small`: PDQ sees nothing in it.
inline constexpr int least_picture_side = 5;

/// Reads the pictures of `work` whose ids are true in `listed`, but those whose file has the stamp that it
/// had when it was read. Results are kept as they come: a kill costs the last few. Gives how many were
/// decoded. Errors: mismatch (a picture that was decoded has other bytes now), interrupted; those of Work.
Result<std::uint64_t> read_pictures(Work& work, const std::vector<bool>& listed, const Warn& warn,
                                    Progress* progress, const StopFlag& stop);

}  // namespace holisafe::construction
