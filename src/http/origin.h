// Whom a request's Host and Origin name. A page of another site can make a browser ask a server on this
// machine, also under a name of its own that leads here; these two headers give it away.
#pragma once

#include <string>
#include <string_view>

#include "http/server.h"

namespace holisafe::http {

/// A Host header without its port, in lower case.
std::string host_name(std::string_view host);

/// Whether an address, or a name in lower case, is this machine's own.
bool is_loopback_name(std::string_view host);

/// Whether a request comes from no page, or from one whose origin is the host that was asked for.
bool is_from_own_page(const ServerRequest& head);

}  // namespace holisafe::http
