// The page at `/`: markup, style and script out of assets/ as one file.
#pragma once

#include "http/server.h"

namespace holisafe::review {

/// The whole answer, with its Content-Security-Policy.
const http::ServerResponse& page();

}  // namespace holisafe::review
