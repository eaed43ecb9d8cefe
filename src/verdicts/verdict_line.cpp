#include "verdicts/verdict_line.h"

#include <nlohmann/json.hpp>

#include "verdicts/verdict_json.h"

namespace holisafe::verdicts {

nlohmann::ordered_json to_json(const Line& line, const Flagging& flagging) {
  auto out = to_json(line.path, line.verdict, flagging);
  if (line.sha256) out["sha256"] = hex(*line.sha256);
  if (line.width > 0) out["width"] = line.width;
  if (line.height > 0) out["height"] = line.height;
  if (line.gone) out["gone"] = true;
  return out;
}

}  // namespace holisafe::verdicts
