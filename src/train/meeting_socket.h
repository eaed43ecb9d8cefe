// The socket where the processes of a run meet.
#pragma once

#include <string>

#include "base/result.h"

namespace holisafe::train {

/// A socket that listens on `port` of this address of this machine, and on no other; the caller closes it.
/// Port 0 takes any that is free. Errors: network (the name is not known, the address is none of this
/// machine's, the port is taken).
Result<int> listen_at(const std::string& address, int port);

}  // namespace holisafe::train
