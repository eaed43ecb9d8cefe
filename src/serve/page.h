// The page at `/`.
#pragma once

#include "http/server.h"

namespace holisafe::serve {

/// The whole answer, with its Content-Security-Policy.
http::ServerResponse page();

}  // namespace holisafe::serve
