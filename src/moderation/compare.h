// Two guard runs against each other, content by content.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "metrics/paired.h"
#include "taxonomy/taxonomy.h"
#include "verdicts/guard_store.h"

namespace holisafe::moderation {

/// What one run says of a picture.
struct Standing {
  bool flagged = false;
  std::size_t counted = 0;  ///< the class that it counts as: of a flagged one its most probable harm, else 0
  double unsafe = 0;
};

/// A picture that counts as one class in the first run and as another in the second.
struct ChangedPicture {
  std::string path;         ///< in the first run
  std::string second_path;  ///< in the second
  Digest sha256{};
  Standing first;
  Standing second;

  /// second - first.
  [[nodiscard]] double difference() const { return second.unsafe - first.unsafe; }
};

struct VerdictComparison {
  /// Pictures that both runs judged, each content once: flagged in both, in one, in none.
  std::uint64_t both = 0;
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  std::uint64_t neither = 0;
  metrics::McNemar test;  ///< of `first` against `second`
  /// classes[first][second]: what pictures count as.
  std::array<std::array<std::uint64_t, taxonomy::class_count>, taxonomy::class_count> classes{};
  std::vector<ChangedPicture> changed;  ///< the largest difference of `unsafe` first
  std::uint64_t only_in_first = 0;      ///< contents judged by the first run alone
  std::uint64_t only_in_second = 0;

  [[nodiscard]] std::uint64_t pictures() const { return both + first + second + neither; }
};

/// Goes along both runs by SHA-256; memory grows with what changed. Errors: those of GuardStore; missing (no
/// picture in common).
Result<VerdictComparison> compare_verdicts(const verdicts::GuardStore& first,
                                           const verdicts::GuardStore& second);

/// {"both","first","second","neither","p_value","changed":[{"path","sha256","difference","first":{"flagged",
/// "label","subcategory","category","unsafe"},"second":{…}}],"classes":[20][20],"only_in_first",
/// "only_in_second"}.
nlohmann::ordered_json to_json(const VerdictComparison& comparison);

}  // namespace holisafe::moderation
