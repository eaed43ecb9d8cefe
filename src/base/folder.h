// Folders that appear, and are replaced, whole.
#pragma once

#include <filesystem>
#include <functional>

#include "base/result.h"

namespace holisafe {

/// Makes the folder `place`, or replaces the one that is there: `write` fills a new folder beside it, which
/// then takes its name. All of it is on disk before that, and the name after it. Whenever the process ends,
/// `place` is what it was or what `write` made: never a mixture, and never absent where there was a folder.
/// What a process that was killed left beside `place` goes with the next call. (A file system that cannot
/// exchange two names leaves a moment in which the old folder stands beside, as `.NAME.old`.) Errors: those
/// of `write`, not_a_file (a file is in the way), permission, io, out_of_space; `place` is then as it was.
Result<void> replace_folder(const std::filesystem::path& place,
                            const std::function<Result<void>(const std::filesystem::path& folder)>& write);

}  // namespace holisafe
