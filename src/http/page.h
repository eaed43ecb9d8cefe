// A web page of one file.
#pragma once

#include <string_view>

#include "http/server.h"

namespace holisafe::http {

/// The whole answer. Under its Content-Security-Policy nothing runs but the page's only <script>, nothing
/// styles it but its only <style>, it shows pictures that it holds itself, and asks nobody but this server.
ServerResponse page_response(std::string_view html);

}  // namespace holisafe::http
