#include "moderation/compare.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "moderation/run_paths.h"
#include "verdicts/verdict_json.h"

namespace holisafe::moderation {
namespace {

using OrderedJson = nlohmann::ordered_json;

/// A run's judged contents by SHA-256.
class JudgedContents {
 public:
  static Result<JudgedContents> begin(const verdicts::GuardStore& store) {
    HOLISAFE_TRY(auto flagging, store.flagging());
    HOLISAFE_TRY(auto contents, store.contents());
    return JudgedContents(std::move(flagging), std::move(contents));
  }

  /// Moves on; `now` is null after the last.
  Result<void> next() {
    while (true) {
      HOLISAFE_TRY(const bool found, contents_.next(content_));
      ended_ = !found;
      if (ended_ || content_.verdict) return {};
    }
  }

  [[nodiscard]] const verdicts::Content* now() const { return ended_ ? nullptr : &content_; }
  [[nodiscard]] Standing standing() const {
    const taxonomy::Verdict& verdict = *content_.verdict;
    return {flagging_.flags(verdict), counted_class(verdict, flagging_), verdict.unsafe()};
  }

 private:
  JudgedContents(verdicts::Flagging flagging, verdicts::ContentCursor contents)
      : flagging_(std::move(flagging)), contents_(std::move(contents)) {}
  verdicts::Flagging flagging_;
  verdicts::ContentCursor contents_;
  verdicts::Content content_;
  bool ended_ = false;
};

void count(VerdictComparison& out, const JudgedContents& a, const JudgedContents& b) {
  const Standing first = a.standing();
  const Standing second = b.standing();
  ++(first.flagged ? (second.flagged ? out.both : out.first) : (second.flagged ? out.second : out.neither));
  ++out.classes[first.counted][second.counted];
  if (first.counted != second.counted)
    out.changed.push_back({a.now()->path, b.now()->path, a.now()->sha256, first, second});
}

OrderedJson standing_json(const Standing& standing) {
  const auto& found = taxonomy::classes()[standing.counted];
  return {{"flagged", standing.flagged},
          {"label", standing.counted},
          {"subcategory", found.name},
          {"category", found.category},
          {"unsafe", standing.unsafe}};
}

}  // namespace

Result<VerdictComparison> compare_verdicts(const verdicts::GuardStore& first,
                                           const verdicts::GuardStore& second) {
  HOLISAFE_TRY(JudgedContents a, JudgedContents::begin(first));
  HOLISAFE_TRY(JudgedContents b, JudgedContents::begin(second));
  HOLISAFE_CHECK(a.next());
  HOLISAFE_CHECK(b.next());
  VerdictComparison out;
  while (a.now() != nullptr || b.now() != nullptr) {
    const bool in_first = b.now() == nullptr || (a.now() != nullptr && a.now()->sha256 <= b.now()->sha256);
    const bool in_second = a.now() == nullptr || (b.now() != nullptr && b.now()->sha256 <= a.now()->sha256);
    if (in_first && in_second) count(out, a, b);
    out.only_in_first += in_second ? 0 : 1;
    out.only_in_second += in_first ? 0 : 1;
    if (in_first) HOLISAFE_CHECK(a.next());
    if (in_second) HOLISAFE_CHECK(b.next());
  }
  if (out.pictures() == 0)
    return fail(ErrorKind::missing, "nothing to compare", second.folder().string(),
                "expected pictures of the same content as in " + first.folder().string() + ", found none");
  out.test = metrics::mcnemar(out.first, out.second);
  std::sort(out.changed.begin(), out.changed.end(), [](const ChangedPicture& x, const ChangedPicture& y) {
    const double left = std::abs(x.difference());
    const double right = std::abs(y.difference());
    return left != right ? left > right : x.path < y.path;
  });
  return out;
}

OrderedJson to_json(const VerdictComparison& comparison) {
  OrderedJson changed = OrderedJson::array();
  for (const ChangedPicture& picture : comparison.changed) {
    OrderedJson row;
    verdicts::add_path(row, "path", picture.path);
    row["sha256"] = hex(picture.sha256);
    row["difference"] = picture.difference();
    row["first"] = standing_json(picture.first);
    row["second"] = standing_json(picture.second);
    changed.push_back(std::move(row));
  }
  return {{"both", comparison.both},
          {"first", comparison.first},
          {"second", comparison.second},
          {"neither", comparison.neither},
          {"p_value", comparison.test.p_value},
          {"changed", std::move(changed)},
          {"classes", comparison.classes},
          {"only_in_first", comparison.only_in_first},
          {"only_in_second", comparison.only_in_second}};
}

}  // namespace holisafe::moderation
