#include "runs/guard_run.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "runs/answerers.h"
#include "runs/file_stamp.h"
#include "runs/guard_loop.h"
#include "verdicts/guard_writer.h"

namespace holisafe::runs {
namespace {

constexpr const char* pooled_name = "pooled";

/// Asks for what a run was made with, where a command leaves it out: vectors once kept are kept on.
Result<void> follow_pooled(const verdicts::GuardStore& store, GuardRunSettings& settings) {
  HOLISAFE_TRY(const auto known, store.identity());
  const auto kept = std::pair<std::string, std::string>(pooled_name, "yes");
  settings.pooled = settings.pooled || std::find(known.begin(), known.end(), kept) != known.end();
  return {};
}

Result<void> list(const GuardRunSettings& settings, verdicts::GuardWriter& writer, const StopFlag& stop) {
  std::error_code code;
  const std::string start = std::filesystem::current_path(code).string();
  HOLISAFE_CHECK(writer.begin_listing(start, settings.trees));
  while (!stop.requested()) {
    const auto found = settings.source();
    if (!found) break;
    if (found->error) {
      HOLISAFE_CHECK(writer.list(found->path, *found->error));
    } else {
      HOLISAFE_CHECK(writer.list(found->path, stamp_of(found->path)));
    }
  }
  // What was not reached is not gone.
  return stop.requested() ? writer.commit() : writer.end_listing(is_gone);
}

}  // namespace

Result<store::Identity> guard_identity(const chat::ModelSettings& model, const image::DecodeOptions& decode) {
  AnswererSettings settings;
  settings.local = model;
  HOLISAFE_TRY(store::Identity out, model_answerer.identity(settings));
  const image::Limits& limits = decode.limits;
  out.emplace_back("alpha", decode.alpha == image::Alpha::drop ? "drop" : "white");
  out.emplace_back("max-file-bytes", fmt::format("{}", limits.file_bytes));
  out.emplace_back("max-width", fmt::format("{}", limits.width));
  out.emplace_back("max-height", fmt::format("{}", limits.height));
  out.emplace_back("max-pixels", fmt::format("{}", limits.pixels));
  return out;
}

Result<GuardRunEnd> run_guard(GuardRunSettings settings, GuardSummary& so_far, Progress* progress,
                              const StopFlag& stop) {
  HOLISAFE_TRY(store::Identity identity, guard_identity(settings.model, settings.decode));
  HOLISAFE_TRY(const auto store, verdicts::GuardStore::open(settings.folder, store::Access::write));
  HOLISAFE_CHECK(follow_pooled(store, settings));
  identity.emplace_back(pooled_name, settings.pooled ? "yes" : "no");
  HOLISAFE_CHECK(store.require_same(identity));
  HOLISAFE_TRY(verdicts::GuardWriter writer, verdicts::GuardWriter::begin(store));
  HOLISAFE_CHECK(list(settings, writer, stop));
  HOLISAFE_TRY(const verdicts::GuardCounts counts, store.counts());
  {
    GuardLoop loop(settings, store, writer, so_far, stop);
    HOLISAFE_CHECK(loop.run(counts.paths - counts.gone, progress));
  }
  GuardRunEnd out;
  out.interrupted = stop.requested();
  out.summary = so_far;
  if (out.interrupted) return out;
  HOLISAFE_TRY(out.summary, write_guard_results(store));
  if (settings.write_page) HOLISAFE_CHECK(settings.write_page(store));
  return out;
}

}  // namespace holisafe::runs
