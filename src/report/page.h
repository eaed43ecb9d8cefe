// From a report to one self-contained HTML file.
#pragma once

#include <string>
#include <string_view>

#include "report/report.h"

namespace holisafe::report {

/// The page: styles, scripts (Chart.js) and data inside, nothing fetched. A content security policy allows
/// only the two scripts built in here, by their hashes, so that no text of the data can run. Readable on a
/// phone, in dark mode and printed. The same report gives the same bytes.
std::string page(const Report& report);

/// `text` with what HTML gives a meaning escaped; control characters and those that change the direction of
/// text become visible signs. Input that is not UTF-8 stays as it is (browsers replace it).
std::string escape(std::string_view text);

}  // namespace holisafe::report
