#include "runs/answerers.h"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/hash.h"

namespace holisafe::runs {

std::span<const AnswererKind> answerer_kinds() {
  static const std::array kinds = {model_answerer, endpoint_answerer};
  return kinds;
}

Result<const AnswererKind*> chosen_answerer(const AnswererSettings& settings) {
  const AnswererKind* out = nullptr;
  std::string flags;
  std::size_t count = 0;
  for (const auto& kind : answerer_kinds()) {
    flags += fmt::format("{}{}", flags.empty() ? "" : " or ", kind.flag);
    if (!kind.chosen(settings)) continue;
    out = &kind;
    ++count;
  }
  if (count == 1) return out;
  return fail(ErrorKind::usage, "who answers?", "",
              fmt::format("expected {}, found {}", flags, count == 0 ? "none" : "several"));
}

Result<ask::AskEnd> Asker::ask(ask::Ledger& ledger, const ask::OnProgress& progress, const StopFlag& stop) {
  if (endpoint_) return ask::ask_in_batches(*endpoint_, ledger, batches_, progress, stop);
  return ask::ask_all(*answerer_, ledger, progress, stop);
}

std::uint64_t answer_seed(std::uint64_t seed, std::string_view id, std::int64_t number) {
  const Digest digest = sha256(fmt::format("{}\n{}\n{}", seed, number, id));
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < sizeof out; ++i) out = (out << 8U) | std::to_integer<std::uint64_t>(digest[i]);
  return out;
}

std::string faults_note(const Faults& faults) {
  std::string out = fmt::format("{} faults", faults.total());
  bool first = true;
  for (const auto& [count, what] :
       {std::pair{faults.turned_away, "429"}, std::pair{faults.server, "5xx"},
        std::pair{faults.timeouts, "time-outs"}, std::pair{faults.network, "network"},
        std::pair{faults.malformed, "malformed"}}) {
    if (count > 0) out += fmt::format("{}{} {}", std::exchange(first, false) ? " (" : ", ", count, what);
  }
  if (!first) out += ")";
  return out;
}

}  // namespace holisafe::runs
