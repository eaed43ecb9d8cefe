// What the process does where nothing else is left to do.
#pragma once

namespace holisafe::cli {

/// Called first of all. Descriptors 0 to 2 that are closed are opened on /dev/null, so that no file of ours
/// gets one of their numbers; writing to a standard output that was closed still fails. What would end the
/// process without a word (an exception that nobody can catch, a mapped file that another cut short) writes
/// one line and ends with exit code 2.
void prepare_process();

}  // namespace holisafe::cli
