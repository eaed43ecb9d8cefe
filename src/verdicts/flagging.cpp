#include "verdicts/flagging.h"

#include <utility>

namespace holisafe::verdicts {

Result<Flagging> Flagging::by_class(std::vector<double> thresholds, const std::string& where) {
  if (thresholds.empty())
    return fail(ErrorKind::missing, "guard without thresholds", where,
                "expected one a class, as `holisafe guard calibrate` writes them, found none");
  Flagging out(0);
  out.by_class_ = std::move(thresholds);
  return out;
}

bool Flagging::flags(const taxonomy::Verdict& verdict) const {
  return is_by_class() ? !classes(verdict).empty() : verdict.unsafe() >= threshold_;
}

std::vector<std::size_t> Flagging::classes(const taxonomy::Verdict& verdict) const {
  std::vector<std::size_t> out;
  for (std::size_t i = 1; i < by_class_.size(); ++i) {  // class 0 is safe
    if (verdict.scores[i] >= by_class_[i]) out.push_back(i);
  }
  return out;
}

}  // namespace holisafe::verdicts
