// Addresses of the web: where they lead from another, whose they are, what of them may be shown.
#pragma once

#include <string>

namespace holisafe::http {

/// The address that `relative` names as seen from `base`, such as a response's Location; empty where it names
/// none.
std::string resolved(const std::string& base, const std::string& relative);

/// Whether both have one scheme, host and port.
bool is_same_origin(const std::string& one, const std::string& other);

/// An address without its query, in which a key could stand: what may be kept and shown.
std::string without_query(const std::string& url);

}  // namespace holisafe::http
