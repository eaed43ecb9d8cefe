// The flags of `holisafe guard`.
#pragma once

#include <string>
#include <vector>

#include "cli/image_paths.h"
#include "cli/model_flags.h"
#include "cli/torch/explain_flags.h"
#include "engine/picture_judge.h"
#include "verdicts/flagging.h"

namespace holisafe::cli {

struct GuardFlags {
  ModelFlags model;
  engine::JudgeOptions judge;
  std::vector<std::string> paths;
  ImagePaths::Options list;
  double threshold = verdicts::Flagging::usual_threshold;
  bool thresholds = false;
  std::string policy;  ///< file; empty: none
  bool json = false;
  bool strict_base = false;
  std::string progress = "text";
  std::string out;      ///< RUN; empty: verdicts are printed alone
  std::string from;     ///< a run whose vectors another guard judges; empty: none
  bool pooled = false;  ///< keep vectors
  ExplainFlags explain;
};

}  // namespace holisafe::cli
