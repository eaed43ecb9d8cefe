// The consumer's own, of the same name as one of ours.
#pragma once

namespace consumer {
inline const char* word() { return "works"; }
}  // namespace consumer
