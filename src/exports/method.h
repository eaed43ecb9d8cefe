// method.txt and references.bib: how the figures were made, to paste, and whom to cite.
#pragma once

#include <string>
#include <vector>

#include "exports/source.h"
#include "metrics/interval.h"

namespace holisafe::exports {

/// One paragraph: data, judges, intervals, program.
std::string method_text(const std::vector<Source>& sources, const metrics::BootstrapOptions& bootstrap,
                        const std::string& version);

/// BibTeX entries: the benchmarks, each LLM judge's model, this program.
std::string references(const std::vector<Source>& sources, const std::string& version);

}  // namespace holisafe::exports
